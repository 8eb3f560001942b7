import { Component, type ReactNode } from "react";

import { Broken } from "@/app/Broken";

/** A fault in drawing must not leave a white page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    return this.state.broken ? <Broken detail="Something in the page failed." /> : this.props.children;
  }
}
