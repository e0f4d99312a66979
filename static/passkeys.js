// Creates and uses passkeys. A button with `data-passkey` puts the answer into its form, and sends it.
"use strict";

const RENEW_MILLISECONDS = 4 * 60 * 1000;
const BINARY = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];

const toBytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
const toText = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const withBytes = (list) => list?.map((each) => ({ ...each, id: toBytes(each.id) }));

// Ask the server what to ask the browser for; creating a passkey is sent like a form.
async function fetchOptions(button) {
  const isNew = button.dataset.passkey === "create";
  const body = isNew ? new FormData(button.form) : undefined;
  const answer = await fetch(button.dataset.options, { method: isNew ? "POST" : "GET", body });
  if (!answer.ok || answer.redirected) throw new Error(`options: ${answer.status}`);
  const options = await answer.json();
  return {
    ...options,
    challenge: toBytes(options.challenge),
    user: options.user && { ...options.user, id: toBytes(options.user.id) },
    allowCredentials: withBytes(options.allowCredentials),
    excludeCredentials: withBytes(options.excludeCredentials),
  };
}

function asJSON({ rawId, type, response }) {
  const parts = BINARY.filter((name) => response[name]).map((name) => [name, toText(response[name])]);
  const transports = response.getTransports?.() ?? [];
  return JSON.stringify({ rawId: toText(rawId), type, response: { ...Object.fromEntries(parts), transports } });
}

const answerOf = (button) => button.form.querySelector("[name=passkey]");

function send(button, credential) {
  answerOf(button).value = asJSON(credential);
  button.form.requestSubmit(button);
}

let waiting, renewal;

// Offer passkeys in the list that the email field opens. A browser waits for one request at a time, and
// the server for an answer only some minutes, so this is repeated.
async function offer(button) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  waiting?.abort();
  waiting = new AbortController();
  clearTimeout(renewal);
  renewal = setTimeout(() => offer(button), RENEW_MILLISECONDS);
  const { signal } = waiting;
  try {
    const publicKey = await fetchOptions(button);
    send(button, await navigator.credentials.get({ publicKey, mediation: "conditional", signal }));
  } catch {
    // The user chose another way to sign in; the button explains what fails.
  }
}

async function use(button) {
  const message = button.form.querySelector("[data-passkey-message]");
  message.textContent = "";
  waiting?.abort();
  clearTimeout(renewal);
  try {
    const publicKey = await fetchOptions(button);
    send(button, await navigator.credentials[button.dataset.passkey]({ publicKey }));
  } catch (error) {
    const { canceled, exists, failed } = button.dataset;
    message.textContent = { NotAllowedError: canceled, InvalidStateError: exists }[error.name] ?? failed;
    if (button.dataset.offer) offer(button);
  }
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) {
    button.closest(".passkey").dataset.unsupported = "yes";
    continue;
  }
  if (location.origin !== button.dataset.origin) {
    button.closest(".passkey").dataset.elsewhere = "yes";
    continue;
  }
  button.addEventListener("click", (event) => {
    // The second click is the one in `send`, when the answer is in the form.
    if (answerOf(button).value) return;
    event.preventDefault();
    use(button);
  });
  // A page that the browser goes back to must not send the same answer again.
  addEventListener("pageshow", () => { answerOf(button).value = ""; });
  if (button.dataset.offer) offer(button);
}

// Tell the password manager which passkeys still work, so that it stops offering the others.
const accepted = document.querySelector("[data-accepted-passkeys]")?.dataset.acceptedPasskeys;
if (accepted) window.PublicKeyCredential?.signalAllAcceptedCredentials?.(JSON.parse(accepted)).catch(() => {});
