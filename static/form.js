// Enhances forms; everything also works without it.
"use strict";

const SENDING_MILLISECONDS = 8000;
const TYPING_PAUSE_MILLISECONDS = 300;
const COPIED_MILLISECONDS = 2000;

// Ignore a repeated submit. The form can be sent again after SENDING_MILLISECONDS, or when the browser
// goes back to the page.
for (const form of document.querySelectorAll("form[data-once]")) {
  const release = () => delete form.dataset.sent;
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(release, SENDING_MILLISECONDS);
  });
  addEventListener("pageshow", release);
}

// Let users show a password while they type it; submitting the form hides it again.
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

// Show the strength of a new password; the server rates it when the user stops typing.
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
        // Show no strength; the server checks the password again when the form is sent.
      }
    }, TYPING_PAUSE_MILLISECONDS);
  });
}

// A secret that is shown once: a button copies it, and leaving the page removes it.
for (const button of document.querySelectorAll("[data-copy]")) {
  const secret = document.getElementById(button.dataset.copy);
  const words = button.textContent;
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(secret);
    try {
      await navigator.clipboard.writeText(secret.textContent);
    } catch {
      // Without TLS, browsers do not provide the clipboard API.
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

// A reload would send the form again, so replace the URL with the page to open instead.
const leaveFor = document.querySelector("[data-leave-for]");
if (leaveFor) history.replaceState(null, "", leaveFor.dataset.leaveFor);

// Not every browser applies `autofocus` to these elements.
document.querySelector("[data-focus]")?.focus();
