// Makes forms kinder; everything works without it.
"use strict";

const SENDING_MILLISECONDS = 8000;
const TYPING_PAUSE_MILLISECONDS = 300;
const COPIED_MILLISECONDS = 2000;

// A press too many sends nothing twice; after a while, or when the page comes back, it may be sent again.
for (const form of document.querySelectorAll("form[data-once]")) {
  const release = () => delete form.dataset.sent;
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(release, SENDING_MILLISECONDS);
  });
  addEventListener("pageshow", release);
}

// A password can be looked at before it is sent, and is hidden again when it is.
for (const box of document.querySelectorAll("[data-secret]")) {
  const input = box.querySelector("input");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reveal";
  button.setAttribute("aria-controls", input.id);
  const show = (visible) => {
    input.type = visible ? "text" : "password";
    button.textContent = visible ? box.dataset.hide : box.dataset.show;
    button.setAttribute("aria-label", visible ? box.dataset.hideName : box.dataset.showName);
  };
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
  show(false);
  box.append(button);
}

// How strong a new password is, asked of the server once the typing pauses.
for (const box of document.querySelectorAll("[data-strength]")) {
  const input = document.getElementById(box.dataset.strength);
  const [meter, words] = box.children;
  let pause, asked;
  input.addEventListener("input", () => {
    clearTimeout(pause);
    asked?.abort();
    pause = setTimeout(async () => {
      asked = new AbortController();
      const body = new FormData(input.form);
      body.set("password", input.value);
      try {
        const answer = await fetch(box.dataset.url, { method: "POST", body, signal: asked.signal });
        if (!answer.ok) return;
        const { score, text } = await answer.json();
        meter.hidden = !input.value;
        meter.value = score;
        words.textContent = input.value && text;
      } catch {
        // Nothing is said of the strength; the form decides in the end.
      }
    }, TYPING_PAUSE_MILLISECONDS);
  });
}

// A secret that is shown once: it is copied by a press, and gone when its page comes back.
for (const button of document.querySelectorAll("[data-copy]")) {
  const secret = document.getElementById(button.dataset.copy);
  const words = button.textContent;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(secret);
    try {
      await navigator.clipboard.writeText(secret.textContent);
    } catch {
      // Browsers offer no clipboard to pages without TLS.
      document.execCommand("copy");
    }
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = words; }, COPIED_MILLISECONDS);
  });
  addEventListener("pagehide", () => {
    secret.textContent = secret.dataset.gone;
    button.remove();
  });
}

// A reload would send the form again: let it open this page instead.
const leaveFor = document.querySelector("[data-leave-for]");
if (leaveFor) history.replaceState(null, "", leaveFor.dataset.leaveFor);

// `autofocus` says so without a script, but not every browser heeds it here.
document.querySelector("[data-focus]")?.focus();
