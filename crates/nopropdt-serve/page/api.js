// The server: what it answers, or the line that says why not.

/** What an address answers. A server that is busy is asked again when it says. */
export async function ask(address, options = {}) {
  for (let tries = 0; ; tries += 1) {
    let response;
    try {
      response = await fetch(address, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("the server does not answer");
    }
    const told = await response.json();
    if (response.ok) return told;
    const wait = Number(response.headers.get("retry-after"));
    if (response.status !== 503 || !(wait > 0) || tries >= 5) throw new Error(told.error ?? `status ${response.status}`);
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
    options.signal?.throwIfAborted();
  }
}

/** An address with the parts of its query that are given. */
export function address(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
