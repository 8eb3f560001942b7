/**
 * Puts the local bank's Link in the place of Plaid's script, before React mounts.
 *
 * react-plaid-link loads its script from Plaid's CDN unless a tag with exactly that address exists already;
 * an inert tag (a type no browser runs) stands there, and window.Plaid comes from the local bank.
 * Only called when the settings name a shim: in production neither tag exists.
 */
const CDN_SCRIPT = "https://cdn.plaid.com/link/v2/stable/link-initialize.js";

export function installLinkShim(url: string): Promise<void> {
  const inert = document.createElement("script");
  inert.type = "text/plain";
  inert.src = CDN_SCRIPT;
  document.head.append(inert);
  return new Promise((resolve, reject) => {
    const shim = document.createElement("script");
    shim.src = url;
    shim.onload = () => resolve();
    shim.onerror = () => reject(new Error(`The local bank did not answer at ${url}`));
    document.head.append(shim);
  });
}
