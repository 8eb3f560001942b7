/** What app hands down to every feature: settings, the API, who is signed in and their live connection. */
import type { User } from "firebase/auth";
import { createContext, use } from "react";

import type { Api } from "@/lib/api/client";
import type { Config } from "@/lib/config";
import type { LiveSession } from "@/lib/live/session";

export interface Services {
  readonly config: Config;
  readonly api: Api;
  readonly user: User;
  readonly live: LiveSession;
}

export const ServicesContext = createContext<Services | null>(null);

export function useServices(): Services {
  const services = use(ServicesContext);
  if (services === null) throw new Error("useServices is for components below the sign-in");
  return services;
}
