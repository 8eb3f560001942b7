import {
  Alert,
  Anchor,
  Button,
  Center,
  Container,
  Divider,
  Group,
  Paper,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { type Auth, createUserWithEmailAndPassword, signInWithEmailAndPassword, updateProfile } from "firebase/auth";
import { CircleAlert } from "lucide-react";
import { type SubmitEvent, useState } from "react";

import { Awaited } from "@/features/session/components/Awaited";
import { authTrouble } from "@/features/session/auth-words";

export interface SignInProps {
  auth: Auth;
  /** Google's window needs scripts from Google: not in the demo. */
  withGoogle: boolean;
  /** The sign-in was ended elsewhere while the page was open. */
  signedOut: boolean;
  /** The name comes after the account: the profile is written once more with it. */
  onNamed: (displayName: string) => Promise<unknown>;
}

type Mode = "sign-in" | "sign-up";

const WORDS = {
  "sign-in": { title: "Sign in", other: "Create an account", ask: "New here?" },
  "sign-up": { title: "Create your account", other: "Sign in", ask: "Have an account?" },
} as const;

function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}

export function SignIn({ auth, withGoogle, signedOut, onNamed }: SignInProps) {
  const [mode, setMode] = useState<Mode>("sign-in");
  const [trouble, setTrouble] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const attempt = async (work: () => Promise<unknown>) => {
    setBusy(true);
    setTrouble(null);
    try {
      await work();
    } catch (error) {
      setTrouble(authTrouble(error));
    } finally {
      setBusy(false);
    }
  };

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const password = textOf(form, "password");
    void attempt(async () => {
      if (mode === "sign-in") return signInWithEmailAndPassword(auth, textOf(form, "email").trim(), password);
      const { user } = await createUserWithEmailAndPassword(auth, textOf(form, "email").trim(), password);
      const name = textOf(form, "name").trim();
      if (name === "") return undefined;
      await updateProfile(user, { displayName: name });
      return onNamed(name);
    });
  };

  const google = () => attempt(async () => (await import("@/features/session/google")).signInWithGoogle(auth));

  const words = WORDS[mode];
  return (
    <Center component="main" mih="100dvh" p="md">
      <Container size={420} w="100%">
        <Stack align="center" gap={4} mb="lg">
          <img src="/favicon.svg" width={48} height={48} alt="" />
          <Title order={1} size="h2">
            Livespend
          </Title>
          <Text c="dimmed">What you spend, the moment your bank knows.</Text>
        </Stack>
        <Awaited signedOut={signedOut} />
        <Paper withBorder radius="lg" p="xl">
          <form onSubmit={submit} onInput={() => setTrouble(null)} aria-label={words.title}>
            <Stack>
              <Title order={2} size="h4">
                {words.title}
              </Title>
              {trouble !== null && (
                <Alert color="red" icon={<CircleAlert size={18} />} role="alert">
                  {trouble}
                </Alert>
              )}
              {mode === "sign-up" && (
                <TextInput name="name" label="Your name (optional)" autoComplete="name" maxLength={200} />
              )}
              <TextInput name="email" type="email" label="Email" autoComplete="email" required withAsterisk={false} />
              <PasswordInput
                name="password"
                label="Password"
                autoComplete={mode === "sign-in" ? "current-password" : "new-password"}
                minLength={mode === "sign-up" ? 6 : 1}
                required
                withAsterisk={false}
              />
              <Button type="submit" loading={busy} fullWidth>
                {mode === "sign-in" ? "Sign in" : "Create account"}
              </Button>
              {withGoogle && (
                <>
                  <Divider label="or" />
                  <Button variant="default" onClick={google} disabled={busy} fullWidth>
                    Continue with Google
                  </Button>
                </>
              )}
              <Group justify="center" gap={6}>
                <Text size="sm" c="dimmed">
                  {words.ask}
                </Text>
                <Anchor
                  component="button"
                  type="button"
                  size="sm"
                  onClick={() => {
                    setMode(mode === "sign-in" ? "sign-up" : "sign-in");
                    setTrouble(null);
                  }}
                >
                  {words.other}
                </Anchor>
              </Group>
            </Stack>
          </form>
        </Paper>
      </Container>
    </Center>
  );
}
