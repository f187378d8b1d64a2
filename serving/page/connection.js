// One road to the service: state and what was missed over HTTP, then the WebSocket from there on; again after a loss.

const PAGE = 1000; // lines asked for at once
const SILENCE_MS = 10000; // a status comes every second: this much silence is a dead line that nobody closed
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const TOKEN = /^[A-Za-z0-9._~-]{1,512}$/; // what both a header and a subprotocol can carry

export const tokenIsPossible = (token) => TOKEN.test(token);

class Refused extends Error {}

const at = (path) => new URL(path, document.baseURI);
const socketAt = (path) => {
  const url = at(path);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url;
};

/** Waits double, up to a limit, and are spread so that many pages do not come back at the same moment. */
export const waitOf = (attempt, random = Math.random()) =>
  Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt) * (0.8 + 0.4 * random);

export class Connection {
  #socket = null;
  #timer = null;
  #watch = null;
  #attempt = 0;
  #life = 0; // of start(): what an earlier one began must not be believed

  /** tell: called with {phase, why, until}; phase: connecting, live, lost, refused. changed: after every message. */
  constructor(store, tell, changed) {
    this.store = store;
    this.tell = tell;
    this.changed = changed;
  }

  start(token) {
    this.stop();
    this.token = token;
    this.#attempt = 0;
    this.#connect();
  }

  stop() {
    this.#life += 1;
    clearTimeout(this.#timer);
    clearInterval(this.#watch);
    if (this.#socket) this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket?.close();
    this.#socket = null;
  }

  /** Does not wait for the next attempt. */
  now() {
    if (this.#socket || !this.token) return;
    clearTimeout(this.#timer);
    this.stop();
    this.#connect();
  }

  async #connect() {
    const life = this.#life;
    this.tell({ phase: "connecting" });
    try {
      const state = await (await this.#get("api/state")).json();
      if (life !== this.#life) return;
      const up = this.store.begin(state);
      this.changed();
      if (!up) throw new Error(`the service is starting: ${state.why?.join("; ") || "it does not say what it waits for"}`);
      while (await this.#catchUp(life));
      if (life === this.#life) this.#listen(life);
    } catch (error) {
      if (life !== this.#life) return;
      if (error instanceof Refused) {
        this.stop();
        this.token = null;
        this.tell({ phase: "refused", why: error.message });
      } else {
        this.#lost(error.message);
      }
    }
  }

  /** One page of what was missed; whether there may be another. */
  async #catchUp(life) {
    const before = this.store.last;
    const text = await (await this.#get(`api/decisions?since=${before}&limit=${PAGE}`)).text();
    if (life !== this.#life) return false;
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    for (const line of lines) this.store.take(JSON.parse(line));
    this.changed();
    return lines.length > 0 && this.store.last > before;
  }

  #listen(life) {
    const socket = new WebSocket(socketAt(`ws/decisions?since=${this.store.last}`), ["mia", `bearer.${this.token}`]);
    let heard = Date.now();
    this.#socket = socket;
    socket.onmessage = (message) => {
      heard = Date.now();
      if (this.#attempt !== 0 || !socket.live) {
        socket.live = true;
        this.#attempt = 0;
        this.tell({ phase: "live" });
      }
      this.#read(message.data);
    };
    socket.onclose = (event) => {
      if (life === this.#life) this.#lost(event.reason || "the connection was closed");
    };
    this.#watch = setInterval(() => {
      if (Date.now() - heard > SILENCE_MS) this.#lost(`nothing was heard for ${SILENCE_MS / 1000} s`);
    }, 1000);
  }

  #read(text) {
    let message = null;
    try {
      message = JSON.parse(text);
    } catch {
      // counted below like any other message that is none of ours
    }
    if (message?.type === "decision") this.store.take(message);
    else if (message?.type === "status") this.store.status(message);
    else this.store.unknown += 1;
    this.changed();
  }

  #lost(why) {
    this.stop();
    const wait = waitOf(this.#attempt);
    this.#attempt += 1;
    this.tell({ phase: "lost", why, until: Date.now() + wait });
    this.#timer = setTimeout(() => this.#connect(), wait);
  }

  async #get(path) {
    const answer = await fetch(at(path), {
      headers: { Authorization: `Bearer ${this.token}` }, cache: "no-store", signal: AbortSignal.timeout(SILENCE_MS),
    }).catch((error) => {
      throw new Error(error.name === "TimeoutError" ? "no answer" : "the service cannot be reached");
    });
    if (answer.status === 401) throw new Refused("The service does not know this token.");
    if (answer.status === 403) throw new Refused("This token may not read: it needs the scope read.");
    if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
    return answer;
  }
}
