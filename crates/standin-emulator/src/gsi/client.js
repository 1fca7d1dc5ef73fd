// What the page gets: `google.accounts`, then its own function is called, then its markup is read.

window.google ??= {};
window.google.accounts ??= {};
Object.assign(window.google.accounts, {
  id: { initialize, prompt, renderButton, cancel, disableAutoSelect, storeCredential, revoke: revokeHint },
  oauth2,
});

function whenLoaded(then) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", then, { once: true });
  else then();
}

whenLoaded(() => {
  window.onGoogleLibraryLoad?.();
  readMarkup();
});
