/* What the pages do beyond links and forms: theme, dialogs, toasts, keys, row cursor, bulk ticks, busy forms.
   Every page works without this file. No framework, no eval, no inline handler; texts come from the page. */
(function () {
  "use strict";

  const root = document.documentElement;
  const $ = (selector, within) => (within || document).querySelector(selector);
  const $$ = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const csrfToken = () => ($('meta[name="csrf-token"]') || {}).content || "";
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform || "");

  /* ---------- Keys that make a repeated request harmless ---------- */
  function freshKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  function renewKey(form) {
    $$('input[name="idempotency_key"]', form).forEach((input) => { input.value = freshKey(); });
  }

  /* ---------- Theme ---------- */
  function chooseTheme(choice) {
    const dark = choice === "dark" || (choice === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = choice;
    root.setAttribute("data-bs-theme", dark ? "dark" : "light");
    $$('[name="theme"]').forEach((button) => button.setAttribute("aria-pressed", String(button.value === choice)));
  }
  async function keepTheme(form, choice) {
    chooseTheme(choice);
    const body = new FormData(form);
    body.set("theme", choice);
    body.set("idempotency_key", freshKey());
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { "X-CSRFToken": csrfToken() } });
      if (!answer.ok) { toast({ text: document.body.dataset.textFailed, tone: "bad" }); }
    } catch {
      toast({ text: document.body.dataset.textOffline, tone: "bad" });
    }
  }

  /* ---------- Toasts ---------- */
  const SHOWN_FOR = 6000;
  function toast(wanted) {
    const box = $("#toasts");
    const pattern = $("#toast-template");
    if (!box || !pattern || !wanted || !wanted.text) { return; }
    const item = pattern.content.firstElementChild.cloneNode(true);
    const isBad = wanted.tone === "bad";
    item.classList.toggle("is-bad", isBad);
    $("[data-icon-ok]", item).hidden = isBad;
    $("[data-icon-bad]", item).hidden = !isBad;
    $("[data-text]", item).textContent = wanted.text;
    const undo = $("form", item);
    if (wanted.undo) {
      undo.action = wanted.undo;
      $('[name="next"]', undo).value = location.pathname + location.search;
      renewKey(undo);
    } else {
      undo.remove();
    }
    placeToasts(topDialog() || document.body);
    box.append(item);
    leave(item);
  }
  /* Everything outside an open dialog is out of reach, so the messages go where the user is. */
  function placeToasts(host) {
    const box = $("#toasts");
    if (box && box.parentElement !== host) { host.append(box); }
  }
  document.addEventListener("close", (event) => {
    const box = $("#toasts", event.target);
    if (box) { document.body.append(box); }
  }, true);
  /* An error stays until it is closed; the rest wait while the pointer or the focus rests on them. */
  function leave(item) {
    if (item.classList.contains("is-bad")) { return; }
    let timer = 0;
    const start = () => { timer = setTimeout(() => item.remove(), SHOWN_FOR); };
    const stop = () => clearTimeout(timer);
    item.addEventListener("pointerenter", stop);
    item.addEventListener("pointerleave", start);
    item.addEventListener("focusin", stop);
    item.addEventListener("focusout", start);
    start();
  }

  /* ---------- Dialogs: native, so that the focus is held and given back ---------- */
  function openDialog(dialog) {
    if (!dialog || dialog.open) { return; }
    const title = $("h1, h2", dialog);
    if (title) {
      title.id = title.id || dialog.id + "-title";
      dialog.setAttribute("aria-labelledby", title.id);
    }
    dialog.showModal();
    const first = $("[autofocus]", dialog);
    if (first) { first.focus(); }
    if (dialog.classList.contains("c-palette")) { $("input", dialog).select(); }
  }
  function closeDialog(dialog) {
    if (dialog && dialog.open) { dialog.close(); }
  }
  function topDialog() {
    return $$("dialog[open]").pop();
  }
  const loadsDialog = (element) => element.hasAttribute("hx-get") || element.hasAttribute("data-hx-get");

  /* ---------- Popovers ---------- */
  function closePopovers(except) {
    let closed = false;
    $$("details.c-anchor[open], details.c-menu[open]").forEach((details) => {
      if (!except || !details.contains(except)) { details.open = false; closed = true; }
    });
    $$(".c-pop[id]:not([hidden])").forEach((pop) => {
      const anchor = pop.closest(".c-anchor");
      if (!except || !anchor || !anchor.contains(except)) {
        pop.hidden = true;
        $$(`[data-pop="${pop.id}"]`).forEach((button) => button.setAttribute("aria-expanded", "false"));
        closed = true;
      }
    });
    return closed;
  }
  function togglePopover(button) {
    const pop = document.getElementById(button.dataset.pop);
    if (!pop) { return; }
    pop.hidden = !pop.hidden;
    button.setAttribute("aria-expanded", String(!pop.hidden));
  }

  /* ---------- Rows: the cursor and the ticks ---------- */
  const rows = () => $$("[data-rows] > tr, [data-rows] > li").filter((row) => row.offsetParent && $("a[href]", row));
  const cursorRow = () => $(".is-cursor");
  function moveCursor(step) {
    const all = rows();
    if (!all.length) { return; }
    const at = all.findIndex((row) => row.classList.contains("is-cursor"));
    const next = all[Math.max(0, Math.min(all.length - 1, at + step))];
    if (at >= 0) { all[at].classList.remove("is-cursor"); }
    next.classList.add("is-cursor");
    next.scrollIntoView({ block: "nearest" });
    const link = $("a[href]", next);
    if (link) { link.focus({ preventScroll: true }); }
  }
  const ticks = () => $$('[data-rows] input[type="checkbox"][data-tick]');
  function showTicks() {
    const all = ticks();
    const chosen = all.filter((tick) => tick.checked);
    all.forEach((tick) => tick.closest("tr, li").classList.toggle("is-on", tick.checked));
    $$("[data-all]").forEach((head) => {
      head.checked = all.length > 0 && chosen.length === all.length;
      head.indeterminate = chosen.length > 0 && chosen.length < all.length;
    });
    const bar = $("#bulk");
    if (bar) {
      bar.hidden = chosen.length === 0;
      $$("[data-n]", bar).forEach((place) => { place.textContent = String(chosen.length); });
    }
  }

  /* ---------- Busy: one press, one request ---------- */
  function setBusy(element, busy) {
    const button = element.matches("form") ? element.querySelector(".is-pressed, [type=submit], button:not([type])") : element;
    element.toggleAttribute("data-busy", busy);
    if (!button) { return; }
    button.classList.toggle("is-busy", busy);
    if (busy) { button.setAttribute("aria-busy", "true"); } else { button.removeAttribute("aria-busy"); button.classList.remove("is-pressed"); }
  }
  const isWrite = (verb) => verb && verb.toLowerCase() !== "get";

  /* ---------- Clicks ---------- */
  document.addEventListener("click", (event) => {
    const target = event.target;
    if (target instanceof HTMLDialogElement && target.open) { closeDialog(target); return; }
    closePopovers(target);
    const opener = target.closest("[data-open]");
    if (opener && !loadsDialog(opener)) {
      const dialog = document.getElementById(opener.dataset.open);
      if (dialog) { event.preventDefault(); openDialog(dialog); }
    }
    const popper = target.closest("[data-pop]");
    if (popper) { togglePopover(popper); }
    const closer = target.closest("[data-close]");
    if (closer && closer.closest("dialog")) { event.preventDefault(); closeDialog(closer.closest("dialog")); }
    const dismiss = target.closest("[data-dismiss]");
    if (dismiss) { dismiss.closest(".c-toast, .c-note").remove(); }
    const submit = target.closest("button");
    if (submit && submit.form) { submit.classList.add("is-pressed"); }
  });

  /* An outcome proposes the day of the next contact until the user has chosen one. */
  function propose(outcome) {
    const box = $("[data-proposed]:not([data-proposed=''])", outcome.form);
    if (!box) { return; }
    $$("input", box).forEach((day) => { day.checked = day.value === outcome.dataset.proposes; });
  }

  document.addEventListener("change", (event) => {
    const target = event.target;
    if (target.matches("[data-all]")) { ticks().forEach((tick) => { tick.checked = target.checked; }); }
    if (target.closest("[data-rows]") || target.matches("[data-all]")) { showTicks(); }
    if (target.matches("[data-proposes]")) { propose(target); }
    const proposed = target.closest("[data-proposed]");
    if (proposed) { proposed.dataset.proposed = ""; }
    const submits = target.closest("form[data-submit-on-change]");
    if (submits) { submits.requestSubmit(); }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    if (button && button.name === "theme" && form.matches("[data-theme-form]")) {
      event.preventDefault();
      keepTheme(form, button.value);
      return;
    }
    if (form.method === "dialog" || form.method === "get") { return; }
    if (form.hasAttribute("data-busy")) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    $$('input[name="idempotency_key"]', form).forEach((input) => { input.value = input.value || freshKey(); });
    const usesHtmx = Boolean(form.closest("[hx-post], [hx-boost]")) || (button && button.hasAttribute("hx-post"));
    if (!usesHtmx) { setBusy(form, true); }
  }, true);

  /* The browser's back button brings pages back as they were left: still busy. */
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) { $$("[data-busy]").forEach((element) => setBusy(element, false)); }
  });

  /* ---------- htmx ---------- */
  document.addEventListener("htmx:configRequest", (event) => {
    const detail = event.detail;
    if (!isWrite(detail.verb)) { return; }
    detail.headers["X-CSRFToken"] = csrfToken();
    if (!detail.parameters.has || !detail.parameters.has("idempotency_key")) { detail.headers["Idempotency-Key"] = freshKey(); }
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, requestConfig } = event.detail;
    if (!isWrite(requestConfig.verb)) { return; }
    if (elt.hasAttribute("data-busy")) { event.preventDefault(); return; }
    setBusy(elt, true);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const { elt, xhr, requestConfig, target } = event.detail;
    if (!isWrite(requestConfig.verb)) { return; }
    setBusy(elt, false);
    /* The same key again after an answer would ask for the same answer again; after silence that is what is wanted. */
    if (xhr.status > 0 && xhr.status < 500 && elt.matches("form")) { renewKey(elt); }
    const dialog = elt.closest("dialog");
    if (dialog && xhr.status >= 200 && xhr.status < 300 && !dialog.contains(target)) { closeDialog(dialog); }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    if (target instanceof HTMLDialogElement && target.children.length) { openDialog(target); }
    if ($(".c-toast", $("#toasts"))) { placeToasts(topDialog() || document.body); }
    nameCommandKey(target);
    showTicks();
  });
  document.addEventListener("htmx:sendError", () => toast({ text: document.body.dataset.textOffline, tone: "bad" }));
  document.addEventListener("htmx:timeout", () => toast({ text: document.body.dataset.textOffline, tone: "bad" }));
  /* A refusal never replaces what the user typed: it stands above the form, or is a message that stays. */
  function showRefusal(element, html) {
    const refusal = new DOMParser().parseFromString(html, "text/html").querySelector("[data-refusal]");
    const form = element.closest("form");
    if (!refusal) { return false; }
    if (form && form.closest("dialog, .c-sheet")) {
      $$("[data-refusal]", form).forEach((old) => old.remove());
      ($(".c-dbody", form) || form).prepend(refusal);
      refusal.scrollIntoView({ block: "nearest" });
    } else {
      toast({ text: refusal.textContent.trim(), tone: "bad" });
    }
    return true;
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig, target } = event.detail;
    if (xhr.status >= 400 && xhr.status < 500 && showRefusal(requestConfig.elt, xhr.responseText)) { event.detail.shouldSwap = false; }
    if (event.detail.shouldSwap && target && target.contains($("#toasts"))) { placeToasts(document.body); }
  });
  /* What is typed into a part that is being drawn anew is put back into it: [data-keeps-typed]. */
  const asSent = new Map();
  let typed = [];
  const typedIn = (part) => $$("input[id]:not([type=checkbox], [type=radio], [type=hidden]), textarea[id]", part);
  const keepsTyped = (part) => part instanceof Element && part.hasAttribute("data-keeps-typed");
  document.addEventListener("htmx:beforeRequest", ({ detail: { target } }) => {
    if (!keepsTyped(target)) { return; }
    asSent.clear();
    typedIn(target).forEach((place) => asSent.set(place.id, place.value));
  });
  document.addEventListener("htmx:beforeSwap", ({ detail: { target } }) => {
    if (!keepsTyped(target)) { return; }
    typed = typedIn(target).filter((place) => place.value !== (asSent.get(place.id) ?? "")).map((place) => [place.id, place.value]);
  });
  const putBack = (isTold) => typed.forEach(([id, value]) => {
    const place = document.getElementById(id);
    if (!place) { return; }
    if (isTold) { place.dispatchEvent(new Event("input", { bubbles: true })); } else { place.value = value; }
  });
  document.addEventListener("htmx:afterSwap", () => putBack(false));
  /* Only now does the new part listen. */
  document.addEventListener("htmx:afterSettle", () => { putBack(true); typed = []; });
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (xhr.status >= 500 && !showRefusal(requestConfig.elt, xhr.responseText)) {
      toast({ text: document.body.dataset.textFailed, tone: "bad" });
    }
  });
  /* The server speaks through HX-Trigger: {"toast": {"text", "tone", "undo"}} (undo is an address), {"close-dialog": true}. */
  document.addEventListener("toast", (event) => toast(event.detail));
  document.addEventListener("close-dialog", () => closeDialog(topDialog()));

  /* ---------- Keyboard ---------- */
  const isTyping = (element) => element.matches('input:not([type="checkbox"], [type="radio"], [type="button"], [type="submit"]), textarea, select')
    || element.isContentEditable;
  let waitingForGo = 0;

  function nameCommandKey(within) {
    if (isMac) { return; }
    $$("[data-command-key]", within).forEach((place) => { place.textContent = place.textContent.replace("⌘", "Ctrl "); });
  }
  function press(selector, within) {
    const element = $(selector, within);
    if (!element) { return false; }
    element.click();
    return true;
  }
  const SINGLE = {
    j: () => { moveCursor(1); return true; },
    k: () => { moveCursor(-1); return true; },
    /* The chosen row's, else the one that the page is about, else for whom is asked. */
    l: () => (cursorRow() && press("[data-log]", cursorRow()))
      || press("main [data-log]:not([data-rows] [data-log])") || press("[data-log]"),
    n: () => press("[data-new]"),
    x: () => (cursorRow() ? press("input[data-tick]", cursorRow()) : false),
    e: () => (cursorRow() && (press("[data-edit-first]", cursorRow()) || press(".c-edit", cursorRow()))) || press("[data-edit], .c-edit"),
    "?": () => { openDialog($("#keys")); return true; },
    "/": () => { const filter = $("[data-filter]"); if (filter) { filter.focus(); filter.select(); } return Boolean(filter); },
    g: () => { waitingForGo = Date.now(); return true; },
  };

  function paletteKey(event) {
    const hits = $$("#hits a");
    if (!hits.length) { return; }
    const at = hits.findIndex((hit) => hit.classList.contains("is-on"));
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = (at + (event.key === "ArrowDown" ? 1 : -1) + hits.length) % hits.length;
      hits.forEach((hit, index) => hit.classList.toggle("is-on", index === next));
      hits[next].scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      (hits[at] || hits[0]).click();
    }
  }

  document.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const command = event.metaKey || event.ctrlKey;
    if (command && key === "k") {
      const palette = $("#palette");
      if (palette) { event.preventDefault(); openDialog(palette); }
      return;
    }
    if (command && key === "Enter") {
      const form = event.target.closest("form");
      if (form && !form.hasAttribute("data-busy")) { event.preventDefault(); form.requestSubmit($("[type=submit]", form)); }
      return;
    }
    if (event.target.closest("#palette")) { paletteKey(event); return; }
    if (key === "Escape" && event.target.closest("[data-cell]")) { press("[data-cancel]", event.target.closest("[data-cell]")); return; }
    if (key === "Escape") {
      if (!topDialog() && closePopovers()) { event.preventDefault(); }
      return;
    }
    if (command || event.altKey || event.isComposing || isTyping(event.target) || topDialog()) { return; }
    if (document.body.dataset.singleKeys === "off") { return; }
    if (Date.now() - waitingForGo < 900) {
      waitingForGo = 0;
      if (press(`[data-go="${CSS.escape(key)}"]`)) { event.preventDefault(); }
      return;
    }
    if (Object.hasOwn(SINGLE, key) && SINGLE[key]()) { event.preventDefault(); }
  });

  /* ---------- Start ---------- */
  /* On a phone the stages and tabs scroll; the one shown must be in sight. */
  $$(".c-stagebar [aria-current], .c-tabs [aria-current]").forEach((here) => {
    const strip = here.closest(".c-stagebar, .c-tabs");
    const [frame, place] = [strip.getBoundingClientRect(), here.getBoundingClientRect()];
    strip.scrollLeft += place.left + place.width / 2 - frame.left - frame.width / 2;
  });
  $$(".c-toasts .c-toast").forEach(leave);
  nameCommandKey(document);
  showTicks();
})();
