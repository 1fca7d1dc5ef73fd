// Which of Google's hosts answers which paths.

/** A path belongs to the first host that has a beginning of it. */
const PATHS = {
  "accounts.google.com": ["/.well-known/", "/o/oauth2/", "/signin/", "/v3/signin/"],
  "openidconnect.googleapis.com": ["/v1/userinfo"],
  "oauth2.googleapis.com": ["/token", "/revoke", "/device/code"],
  "www.googleapis.com": ["/oauth2/", "/calendar/v3/", "/drive/v3/", "/upload/drive/v3/"],
  "www.google.com": ["/device"],
};

export const HOSTS = Object.keys(PATHS);
/**
 * Google's Python library asks here, in the background and whatever it is told, which regions a service account
 * is confined to. None: 404.
 */
export const REGIONS = "iamcredentials.googleapis.com";
export const ISSUER = "https://accounts.google.com";

/** Whether Google would look for this path at this host. */
export function serves(host, path) {
  return PATHS[host]?.some((beginning) => path.startsWith(beginning)) ?? false;
}

/** An address of an emulator that calls itself Google's issuer, at the host where Google has it. */
export function asGoogles(address) {
  const path = address.slice(ISSUER.length);
  const host = address.startsWith(`${ISSUER}/`) && HOSTS.find((host) => serves(host, path));
  return host ? `https://${host}${path}` : address;
}
