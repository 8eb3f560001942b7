import { Alert, Button, Group, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { ExternalLink } from "lucide-react";
import { useEffect } from "react";

import { readLinkSession } from "@/features/banks/api/read-link-session";
import { ApiError } from "@/lib/api/errors";
import { useServices } from "@/lib/services";
import { toast, toastTrouble } from "@/lib/toasts";

/** Link at an address of Plaid's, in a tab of its own. */
export interface HostedUse {
  readonly sessionId: string;
  readonly url: string;
  /** The bank to repair; null for a new one. */
  readonly itemId: string | null;
}

export interface HostedLinkProps {
  use: HostedUse;
  /** Changes whenever a bank does: then it is asked how the session stands. */
  seen: string;
  onLeft: (existing?: string | null) => void;
}

/**
 * For a page that Plaid's script does not reach. The bank itself arrives as a document; how the session stands is only
 * asked when there is reason to: the person comes back to this tab, or a bank has changed.
 */
export function HostedLink({ use, seen, onLeft }: HostedLinkProps) {
  const { api } = useServices();
  const { data: session } = useQuery({
    queryKey: ["link-session", use.sessionId, seen],
    queryFn: () => readLinkSession(api, use.sessionId),
    refetchOnWindowFocus: "always",
  });
  useEffect(() => {
    if (session === undefined || session.state === "open") return;
    if (session.problem === "item-already-linked") {
      onLeft(session.itemId);
      return;
    }
    if (session.state === "finished")
      toast(
        use.itemId === null
          ? "Your bank is linked. Its transactions are on their way."
          : "Your bank is connected again.",
      );
    else toastTrouble("The bank was not linked", unfinished(session.state));
    onLeft();
  }, [session, use.itemId, onLeft]);
  return (
    <Alert title="Plaid’s window could not be loaded here" color="blue" role="status">
      <Stack gap="sm" align="flex-start">
        An ad blocker or your network keeps it out. Finish in a tab at Plaid instead; this page shows your bank as soon
        as it is linked.
        <Group gap="xs">
          <Button
            component="a"
            href={use.url}
            target="_blank"
            rel="noopener noreferrer"
            size="xs"
            leftSection={<ExternalLink size={14} aria-hidden />}
          >
            Continue at Plaid
          </Button>
          <Button size="xs" variant="default" onClick={() => onLeft()}>
            Not now
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}

function unfinished(state: "failed" | "expired"): ApiError {
  const words = state === "expired" ? "The time for it ran out. Link the bank again." : "Link the bank again.";
  return new ApiError(400, `link-${state}`, words, words);
}
