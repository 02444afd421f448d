// What the pages do beyond forms and links. Each works without it too.
"use strict";

// --- times: the reader's own zone and words --------------------------------------------------
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", hour: "2-digit", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.title = exact.format(at);
    if (time.dataset.shown === "moment") {
      time.textContent = (Date.now() - at < 6 * 86400000 ? weekday : calendar).format(at);
    }
  }
}

function ago(seconds) {
  if (seconds < 45) return "now";
  if (seconds < 3600) return Math.max(1, Math.round(seconds / 60)) + " min";
  if (seconds < 86400) return Math.round(seconds / 3600) + " h";
  return null;
}

function age() {
  for (const time of document.querySelectorAll("time[data-shown=age]")) {
    const words = ago((Date.now() - new Date(time.dateTime)) / 1000);
    if (words && time.textContent !== words) time.textContent = words;
  }
}

// --- writing: characters left, as the server counts them ---------------------------------------
const ADDRESS = /https?:\/\/[^\s<>"]+/g;

function counts(area) {
  const form = area.form;
  const counter = form.querySelector(".counter");
  const warning = form.elements.warning;
  const link = Number(area.dataset.link);
  const show = () => {
    const text = area.value.replace(ADDRESS, "x".repeat(link));
    const left = area.dataset.limit - [...text].length - (warning ? [...warning.value].length : 0);
    counter.textContent = left;
    counter.classList.toggle("over", left < 0);
  };
  area.addEventListener("input", show);
  if (warning) warning.addEventListener("input", show);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  if (location.hash === "#compose") {
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
  }
  show();
}

// --- boost and favourite in place -----------------------------------------------------------------
async function act(event) {
  const button = event.submitter;
  const post = button && button.closest(".post");
  if (!post) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  let answer;
  try {
    answer = await fetch(button.formAction, { method: "POST", body, headers: { "X-Fragment": "post" } });
  } catch {
    answer = null;
  }
  if (!answer || !answer.ok) {
    event.target.action = button.formAction; // the page that comes says what is wrong
    event.target.submit();
    return;
  }
  const html = await answer.text();
  const verb = button.value;
  for (const one of document.querySelectorAll(`.post[data-post="${post.dataset.post}"]`)) {
    const row = one.querySelector(".row");
    const open = one.querySelector(".warned")?.open;
    row.innerHTML = html;
    if (open) one.querySelector(".warned").open = true;
    localise(one);
  }
  post.querySelector(`button[value="${verb}"]`)?.focus({ preventScroll: true });
}

// --- live: new posts wait, and never move the page under the reader --------------------------------
function live(fresh) {
  const link = fresh.querySelector("a");
  const words = link.textContent;
  const waiting = new Map(); // by the original's id: a boost and its original stand once
  let source = null;
  let cursor = fresh.dataset.cursor || "";

  const show = () => {
    fresh.classList.toggle("waiting", waiting.size > 0);
    link.textContent = waiting.size ? `${waiting.size} new` : words;
  };
  const posts = () => {
    let list = document.getElementById("posts");
    if (!list) {
      document.querySelector(".empty")?.remove();
      list = document.createElement("section");
      list.className = "posts";
      list.id = "posts";
      list.setAttribute("aria-label", "Posts");
      fresh.after(list);
    }
    return list;
  };
  link.addEventListener("click", (event) => {
    if (!waiting.size || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const list = posts();
    let first = null;
    for (const html of waiting.values()) {
      list.insertAdjacentHTML("afterbegin", html);
      first = list.firstElementChild;
    }
    localise(list);
    waiting.clear();
    show();
    scrollTo({ top: 0 });
    first.tabIndex = -1;
    first.focus({ preventScroll: true });
  });

  const on = {
    post(data) {
      if (document.getElementById("p" + data.id)) return;
      if (document.querySelector(`.post[data-post="${data.post}"]`)) return;
      if (!waiting.has(data.post)) waiting.set(data.post, data.html);
      show();
    },
    delete(data) {
      for (const [post, html] of waiting) {
        if (post === data.id || html.includes(`id="p${data.id}"`)) waiting.delete(post);
      }
      show();
      for (const one of document.querySelectorAll(`#p${data.id}, .post[data-post="${data.id}"]`)) {
        one.className = "gone";
        one.textContent = "This post was taken back.";
      }
    },
    unread(data) {
      for (const queue of Object.keys(data)) {
        const count = document.querySelector(`.count[data-queue="${queue}"]`);
        if (count) count.textContent = data[queue];
      }
    },
    gap() {
      close();
      waiting.clear();
      fresh.classList.add("waiting");
      link.textContent = "Much is new: load the page again";
    },
  };
  const open = () => {
    if (source) return;
    source = new EventSource(fresh.dataset.live + (cursor ? "?cursor=" + encodeURIComponent(cursor) : ""));
    for (const [name, does] of Object.entries(on)) {
      source.addEventListener(name, (event) => {
        cursor = event.lastEventId || cursor;
        does(JSON.parse(event.data));
      });
    }
    source.onopen = () => fresh.classList.add("live");
    source.onerror = () => fresh.classList.remove("live");
  };
  const close = () => {
    if (source) source.close();
    source = null;
    fresh.classList.remove("live");
  };
  // A browser has six connections to a server: tabs that nobody looks at give theirs back.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", () => document.hidden || open());
}

localise(document);
setInterval(age, 30000);
for (const area of document.querySelectorAll("textarea[data-limit]")) counts(area);
document.getElementById("act")?.addEventListener("submit", act);
const fresh = document.getElementById("fresh");
if (fresh && "EventSource" in window) live(fresh);
