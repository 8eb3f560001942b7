import { defineConfig, mergeConfig } from "vitest/config";

import base from "./vite.config.ts";

const shared = { restoreMocks: true, unstubGlobals: true };

/** Two rooms: what is pure runs in plain Node; what draws runs in a DOM. */
export default mergeConfig(
  base,
  defineConfig({
    test: {
      projects: [
        { extends: true, test: { ...shared, name: "pure", environment: "node", include: ["src/**/*.test.ts"] } },
        {
          extends: true,
          test: {
            ...shared,
            name: "screen",
            environment: "jsdom",
            include: ["src/**/*.test.tsx"],
            setupFiles: ["src/test/setup.ts"],
          },
        },
      ],
    },
  }),
);
