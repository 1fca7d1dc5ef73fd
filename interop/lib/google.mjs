// Which of Google's hosts answers which paths, and addresses back and forth between them and an emulator.

/** A path belongs to the first host that has a beginning of it. */
const PATHS = {
  "accounts.google.com": ["/.well-known/", "/o/oauth2/", "/signin/", "/v3/signin/"],
  "openidconnect.googleapis.com": ["/v1/userinfo"],
  "oauth2.googleapis.com": ["/token", "/revoke", "/device/code"],
  "www.googleapis.com": ["/oauth2/", "/calendar/v3/", "/drive/v3/", "/upload/drive/v3/"],
  "www.google.com": ["/device"],
};

export const HOSTS = Object.keys(PATHS);
export const ISSUER = "https://accounts.google.com";

/** Whether Google would look for this path at this host. */
export function serves(host, path) {
  return PATHS[host]?.some((beginning) => path.startsWith(beginning)) ?? false;
}

/** A text with an emulator's addresses, as Google would have written it. */
export function asGoogles(text, emulator) {
  const plain = text.replaceAll(emulator, (_, at) => hostOf(text.slice(at + emulator.length)));
  return plain.replaceAll(encodeURIComponent(emulator), encodeURIComponent(ISSUER));
}

function hostOf(path) {
  return `https://${HOSTS.find((host) => serves(host, path)) ?? "accounts.google.com"}`;
}
