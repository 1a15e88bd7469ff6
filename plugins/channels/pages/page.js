// The page-view script: served as it stands here, without comments and indents, in less than 2 KB.
//
//   <script async src="https://leads.example.cn/channels/tracking/page.js"></script>
//
// It knows a browser by a random id in the site's own storage, and sets no cookie. Where the
// browser asks not to be tracked it does nothing at all. With data-consent="required" it does
// nothing before leadrules.consent(true), and forgets the id at leadrules.consent(false).
(function (w, d, n) {
  var script = d.currentScript,
    to = script.src.replace(/\.js.*/, ''),
    refused = n.globalPrivacyControl || n.doNotTrack == 1,
    known = 'leadrules',
    agreed = 'leadrules.consent',
    from = d.referrer,
    id, at, since;

  // A browser may refuse to store anything; then what is known lives as long as the page.
  var memory = {};
  function kept(name, value) {
    if (value !== undefined) memory[name] = value;
    try {
      if (value) w.localStorage.setItem(name, value);
      else if (value === 0) w.localStorage.removeItem(name);
      return w.localStorage.getItem(name);
    } catch (e) {
      return memory[name];
    }
  }

  function random() {
    return w.crypto.getRandomValues(new Uint32Array(4)).join('-');
  }

  function allowed() {
    return !refused && (script.dataset.consent != 'required' || kept(agreed) == 1);
  }

  // As plain text, so that no browser asks first; a page that goes away leaves it to the browser.
  function send(type, said, leaving) {
    if (!allowed()) return;
    id = kept(known) || kept(known, random());
    said.id = random();
    said.type = type;
    said.anonymous_id = id;
    said = JSON.stringify(said);
    if (!leaving || !n.sendBeacon || !n.sendBeacon(to, said))
      w.fetch(to, {method: 'POST', body: said, credentials: 'omit', keepalive: true})
        .catch(function () {});
  }

  function view() {
    if (!allowed() || at == location.href) return;
    left();
    at = location.href;
    since = d.hidden ? 0 : Date.now();
    send('page_viewed', {url: at, title: d.title, referrer: from});
    from = at;
  }

  // How long the page was looked at since it was last told.
  function left() {
    var seconds = at && since ? Math.round((Date.now() - since) / 1e3) : 0;
    since = 0;
    if (seconds) send('page_left', {url: at, title: d.title, duration: seconds}, 1);
  }

  // A page that makes its own pages: a push changes the address, and the title right after.
  var push = history.pushState;
  history.pushState = function () {
    push.apply(history, arguments);
    setTimeout(view);
  };
  w.addEventListener('popstate', view);
  w.addEventListener('pagehide', left);
  d.addEventListener('visibilitychange', function () {
    if (d.hidden) left();
    else since = Date.now();
  });

  w.leadrules = {
    id: function () { return allowed() ? kept(known) : null; },
    identify: function (lead) { send('identified', {lead: lead}); },
    track: function (type, properties) { send(type, {url: at, properties: properties}); },
    consent: function (yes) {
      kept(agreed, yes ? 1 : 0);
      if (!yes) at = kept(known, 0);
      view();
    }
  };
  view();
})(window, document, navigator);
