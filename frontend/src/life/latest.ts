/**
 * Jobs of which few run at a time, the latest first. Of those that wait only the last are kept: who scrolls past a thousand pages wants the one where they stop.
 */
interface Job {
  run(): Promise<unknown>;
  /** Hears that the job will not be done. */
  drop(): void;
}

export class Latest {
  private readonly waiting: Job[] = [];
  private running = 0;
  private readonly together: number;
  private readonly kept: number;

  constructor(together: number, kept: number) {
    this.together = together;
    this.kept = kept;
  }

  add(job: Job): void {
    this.waiting.push(job);
    if (this.waiting.length > this.kept) this.waiting.shift()?.drop();
    this.next();
  }

  private next(): void {
    if (this.running >= this.together) return;
    const job = this.waiting.pop();
    if (!job) return;
    this.running += 1;
    void job.run().finally(() => {
      this.running -= 1;
      this.next();
    });
  }
}
