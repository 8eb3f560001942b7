/** Short messages at the edge of the screen. A failed edit says what was not done, why, and what to do. */
import { notifications } from "@mantine/notifications";

import { inWords } from "@/lib/api/errors";

export function toast(message: string): void {
  notifications.show({ message });
}

export function toastMessage(title: string, message: string): void {
  notifications.show({ title, message, color: "yellow", autoClose: false });
}

export function toastTrouble(title: string, error: unknown): void {
  notifications.show({ title, message: inWords(error), color: "red", autoClose: 10_000 });
}
