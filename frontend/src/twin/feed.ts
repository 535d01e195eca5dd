/** Where frames come from: the websocket of the running twin, or a file that was recorded. Both give them to the same listener. */
import { DELTA, type Frame, type Hello, KEY, acknowledgement, decode } from "./frames";

export interface State {
  say: "state";
  paused: boolean;
  hours_s: number;
  reached_hours_s: number;
  changes: { what: string; species: string; amount: number; words: string }[];
  warnings: string[];
}
export interface Told {
  say: "error";
  error: string;
  what_to_do: string;
}
export type Message = State | Told;
export interface Change {
  what: string;
  species?: string;
  amount: number;
}
export type Command =
  | { do: "pause" | "go" | "restart" | "baseline" | "key" }
  | { do: "pace"; hours_s: number }
  | { do: "scenario"; changes: Change[] };

export interface Listener {
  frame(frame: Frame): void;
  message(message: Message): void;
  /** Whether frames come. */
  connected(yes: boolean): void;
}
export interface Feed {
  /** Whether what is seen can be altered: a recorded run cannot. */
  readonly live: boolean;
  send(command: Command): void;
  /** A shot was taken up: the next may come. */
  drawn(frame: Frame): void;
  close(): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** The running twin; connects again, ever more slowly, when the connection is lost. */
export class LiveFeed implements Feed {
  readonly live = true;
  private socket: WebSocket | null = null;
  private wait = FIRST_WAIT_MS;
  private timer = 0;
  private closed = false;

  constructor(
    private readonly path: string,
    private readonly listener: Listener,
  ) {
    this.connect();
  }

  private connect(): void {
    const address = new URL(this.path, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.listener.connected(true);
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      this.wait = FIRST_WAIT_MS;
      if (typeof data === "string") this.listener.message(JSON.parse(data) as Message);
      else this.listener.frame(decode(data));
    };
    socket.onclose = () => {
      if (this.closed) return;
      this.listener.connected(false);
      this.timer = window.setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(2 * this.wait, LONGEST_WAIT_MS);
    };
    this.socket = socket;
  }

  send(command: Command): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(command));
  }

  drawn(frame: Frame): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(acknowledgement(frame.step, frame.key));
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }
}

const FILE_MAGIC = "MERTWIN1";
const END = 20;

/** A recorded run, played again and again. Throws for a file that is none, or was cut short. */
export class FileFeed implements Feed {
  readonly live = false;
  private readonly shots: Frame[][] = [];
  private readonly hello: Hello;
  private at = 0;
  private timer = 0;
  private paused = false;
  private pace = 1;

  constructor(
    buffer: ArrayBuffer,
    private readonly listener: Listener,
  ) {
    const bytes = new Uint8Array(buffer);
    const view = new DataView(buffer);
    const magic = (from: number): string => new TextDecoder().decode(bytes.subarray(from, from + 8));
    const size = bytes.length;
    if (size < 12 + END || magic(0) !== FILE_MAGIC || magic(size - 8) !== FILE_MAGIC) throw new Error("cut");
    const start = 12 + view.getUint32(8, true);
    const end = Number(view.getBigUint64(size - 16, true));
    this.hello = JSON.parse(new TextDecoder().decode(bytes.subarray(12, start))) as Hello;
    for (let place = start; place < end; ) {
      const length = view.getUint32(place, true);
      const frame = decode(buffer.slice(place + 4, place + 4 + length));
      place += 4 + length;
      if ((frame.kind === KEY || frame.kind === DELTA) && frame.world === 0) this.shots.push([]);
      this.shots.at(-1)?.push(frame);
    }
    if (!this.shots.length) throw new Error("empty");
    this.listener.connected(true);
    this.listener.frame({ kind: 1, hello: this.hello, step: 0, day: 0, world: 0, which: 0, key: 0 });
    this.state();
    this.play();
  }

  private get hours(): number {
    const { days, shots, shot_seconds } = this.hello.playback ?? { days: 1, shots: 1, shot_seconds: 0.2 };
    return (24 * days) / Math.max(shots * shot_seconds, 1e-6);
  }

  private state(): void {
    const told = this.hello.playback;
    const changes = (told?.changes ?? []).map((words) => ({ what: "", species: "", amount: 0, words }));
    const hours = this.hours * this.pace;
    this.listener.message({ say: "state", paused: this.paused, hours_s: hours, reached_hours_s: hours, changes, warnings: told?.warnings ?? [] });
  }

  private play(): void {
    for (const frame of this.shots[this.at] ?? []) this.listener.frame(frame);
    this.at = (this.at + 1) % this.shots.length;
    clearTimeout(this.timer);
    const seconds = (this.hello.playback?.shot_seconds ?? 0.2) / this.pace;
    if (!this.paused) this.timer = window.setTimeout(() => this.play(), 1000 * seconds);
  }

  send(command: Command): void {
    if (command.do === "pause" || command.do === "go") this.paused = command.do === "pause";
    else if (command.do === "pace") this.pace = Math.min(Math.max(command.hours_s / this.hours, 0.05), 10);
    else if (command.do === "restart") this.at = 0;
    else return;
    this.state();
    if (this.paused) clearTimeout(this.timer);
    else this.play();
  }

  drawn(): void {}

  close(): void {
    clearTimeout(this.timer);
  }
}
