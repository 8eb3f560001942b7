import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { ShoppingCart } from "lucide-react";

import { buySomething } from "@/features/demo/api/buy-something";
import { useServices } from "@/lib/services";
import { toast, toastTrouble } from "@/lib/toasts";

/** Only in the demo: the local bank posts a purchase, which then comes the whole way back to this screen. */
export function BuySomething({ bankUrl }: { bankUrl: string }) {
  const { user } = useServices();
  const buy = useMutation({
    mutationFn: () => buySomething(bankUrl, user.uid),
    retry: false,
    onSuccess: (what) =>
      toast(what === null ? "Bought something. Watch it arrive." : `Bought: ${what}. Watch it arrive.`),
    onError: (error) => toastTrouble("Nothing was bought", error),
  });
  return (
    <Button
      size="xs"
      variant="light"
      leftSection={<ShoppingCart size={14} aria-hidden />}
      loading={buy.isPending}
      onClick={() => buy.mutate()}
    >
      Buy something
    </Button>
  );
}
