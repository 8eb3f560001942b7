import { createTheme, Modal, Notification } from "@mantine/core";

const NAMED = { "aria-label": "Close" };

/** System fonts only: nothing is loaded from elsewhere. */
export const theme = createTheme({
  primaryColor: "teal",
  primaryShade: 9,
  autoContrast: true,
  defaultRadius: "md",
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    Modal: Modal.extend({ defaultProps: { closeButtonProps: NAMED } }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: NAMED } }),
  },
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif',
});
