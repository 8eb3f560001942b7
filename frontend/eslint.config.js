/**
 * The import zones are rules here, not advice: app composes features, features know lib and components,
 * lib and components know no feature, and no feature knows another.
 */
import { readdirSync } from "node:fs";

import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import ts from "typescript-eslint";

const features = readdirSync(new URL("./src/features", import.meta.url));

const DEEP_RELATIVE = { regex: "^\\.\\./\\.\\.", message: "Import across folders as @/..." };

/** Files may not import what matches any of the patterns. */
function zone(files, ...regexes) {
  const patterns = regexes.map(([regex, message]) => ({ regex, message }));
  return { files, rules: { "no-restricted-imports": ["error", { patterns: [DEEP_RELATIVE, ...patterns] }] } };
}

const APP = ["^@/app/", "Only main.tsx imports app."];
const FEATURES = ["^@/features/", "Features are composed in app."];

export default defineConfig(
  { ignores: ["dist", "node_modules"] },
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [ts.configs.strictTypeChecked, ts.configs.stylisticTypeChecked, hooks.configs.flat.recommended],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      "no-console": "error",
      eqeqeq: "error",
      "max-lines": ["error", { max: 300, skipBlankLines: true }],
    },
  },
  { files: ["*.js"], languageOptions: { globals: { URL: "readonly" } } },
  zone(["src/components/**"], APP, FEATURES),
  zone(["src/lib/**"], APP, FEATURES, ["^@/components/", "lib draws nothing."]),
  ...features.map((name) =>
    zone([`src/features/${name}/**`], APP, [
      `^@/features/(?!${name}/)`,
      "A feature knows no other feature: compose them in app.",
    ]),
  ),
);
