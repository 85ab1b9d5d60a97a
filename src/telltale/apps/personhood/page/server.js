// What the page asks of the server it came from. Nothing else is ever asked, and the page's policy would not let it.

let key = ""; // while the page is open; stored nowhere

/** What the server, or the way to it, said no with: `what`, `mend` and the status (0 for no answer). */
export class Refusal extends Error {
  constructor(status, { what, mend, kind }) {
    super(what);
    Object.assign(this, { status, what, mend, kind });
  }
}

export function useKey(text) {
  key = text.trim();
}

async function ask(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key) headers["x-api-key"] = key;
  let reply;
  try {
    reply = await fetch(path, { method, headers, body: body && JSON.stringify(body), credentials: "omit", cache: "no-store" });
  } catch {
    throw new Refusal(0, { what: "The server does not answer", mend: "See whether it still runs, then try again.", kind: "" });
  }
  const told = await reply.json().catch(() => ({}));
  if (reply.ok) return told;
  throw new Refusal(reply.status, {
    what: told.detail || `The server answered ${reply.status}`,
    mend: told.mend || "Try again in a moment.",
    kind: told.type || "",
  });
}

export const enrol = (user_id, session) => ask("POST", "/v1/personhood/enrol", { user_id, sessions: [session] });
export const verify = (user_id, session) => ask("POST", "/v1/personhood/verify", { user_id, session });
export const confirm = (prediction_id) => ask("POST", "/v1/personhood/confirm", { prediction_id });

/** The profile as it can be drawn; null where nobody is enrolled under that name. */
export async function profile(user_id) {
  try {
    return await ask("GET", `/v1/personhood/profile?user_id=${encodeURIComponent(user_id)}`);
  } catch (refusal) {
    if (refusal.status === 404) return null;
    throw refusal;
  }
}
