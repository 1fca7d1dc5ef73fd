// No code and no state stay in the window's address. A popup then tells the page that opened it how it
// went, and closes. Nothing secret is said: the page asks the server who is signed in. A broadcast reaches
// the page even where its Cross-Origin-Opener-Policy has cut the window off from its opener; other pages
// hear it too, and know by the name in `window` that it is not theirs.
(function () {
  history.replaceState(null, '', location.pathname);
  var from = document.getElementById('standin-outcome').dataset;
  if (!from.type) return;
  var said = function (name) { return from[name] || null; };
  var message = { type: from.type, attempt: said('attempt'), code: said('code'), window: said('window') };
  var channel = new BroadcastChannel('standin');
  channel.postMessage(message);
  channel.close();
  if (window.opener) window.opener.postMessage(message, location.origin);
  if (message.type === 'standin:done') setTimeout(function () { window.close(); }, 50);
})();
