import { Alert, List, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { EmailAuthProvider, reauthenticateWithCredential, type User } from "firebase/auth";
import { CircleAlert } from "lucide-react";
import { useState } from "react";

import { ConfirmDialog } from "@/components/ConfirmDialog";
import { eraseMe } from "@/features/session/api/erase-me";
import { authTrouble } from "@/features/session/auth-words";
import { ApiError, inWords } from "@/lib/api/errors";
import { useServices } from "@/lib/services";
import { toast } from "@/lib/toasts";

export interface EraseDialogProps {
  opened: boolean;
  onCancel: () => void;
  /** The request stands: nobody is there any more to show anything to. */
  onErased: () => void;
}

/** Asks for the person's own address before everything of theirs goes; for the password where the sign-in is old. */
export function EraseDialog({ opened, onCancel, onErased }: EraseDialogProps) {
  const { api, user } = useServices();
  const word = user.email ?? "erase";
  const [typed, setTyped] = useState("");
  const [password, setPassword] = useState("");
  const erase = useMutation({
    mutationFn: async () => {
      if (password !== "") await signInAgain(user, password);
      await eraseMe(api);
    },
    networkMode: "always",
    onSuccess: () => {
      toast("Your account is being erased. You are signed out.");
      onErased();
    },
  });
  const stale = isStale(erase.error) || password !== "";
  const cancel = () => {
    setTyped("");
    setPassword("");
    erase.reset();
    onCancel();
  };
  return (
    <ConfirmDialog
      opened={opened}
      title="Erase your account?"
      confirm="Erase everything"
      busy={erase.isPending}
      ready={typed.trim().toLowerCase() === word.toLowerCase() && (!stale || password !== "")}
      onConfirm={() => erase.mutate()}
      onCancel={cancel}
    >
      <Stack gap="sm">
        <List size="sm" spacing={4}>
          <List.Item>Your banks are unlinked, and Livespend&rsquo;s access to them ends.</List.Item>
          <List.Item>
            Every transaction, category, note, rule and budget is deleted, everywhere. Edits that are still on their way
            are lost.
          </List.Item>
          <List.Item>You are signed out at once; your sign-in is deleted within two hours.</List.Item>
        </List>
        <Text size="sm" fw={600}>
          There is no way back.
        </Text>
        {erase.error !== null && (
          <Alert color="red" icon={<CircleAlert size={18} />} role="alert">
            {trouble(erase.error, hasPassword(user))}
          </Alert>
        )}
        {stale && hasPassword(user) && (
          <PasswordInput
            label="Your password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
        )}
        <TextInput
          label={`Type ${word} to confirm`}
          autoComplete="off"
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      </Stack>
    </ConfirmDialog>
  );
}

function isStale(error: unknown): boolean {
  return error instanceof ApiError && error.code === "sign-in-too-old";
}

function hasPassword(user: User): boolean {
  return user.providerData.some(({ providerId }) => providerId === EmailAuthProvider.PROVIDER_ID);
}

async function signInAgain(user: User, password: string): Promise<void> {
  await reauthenticateWithCredential(user, EmailAuthProvider.credential(user.email ?? "", password));
}

function trouble(error: unknown, withPassword: boolean): string {
  if (!(error instanceof ApiError)) return authTrouble(error) ?? "Nothing was erased. Try again.";
  if (!isStale(error)) return `Nothing was erased. ${inWords(error)}`;
  return withPassword
    ? "It has been a while since you signed in. Enter your password to go on."
    : "It has been a while since you signed in. Sign out, sign in again, then come back here.";
}
