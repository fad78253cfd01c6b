/**
 * A small client for Relay v2.
 *
 * It does four things that people otherwise get wrong: it waits when told to, it does not wait when waiting is useless,
 * it attaches idempotency keys, and it walks cursors to the end. It has no dependencies and runs wherever `fetch` exists.
 * Keep it on a server. A token in a browser is a token in the newspaper.
 */

export interface RelayOptions {
  token: string;
  /** Leave empty for production. Test tokens are refused by production and live tokens by the sandbox. */
  baseUrl?: string;
  /** Give up after this many attempts in all, the first included. Default 4. */
  maxAttempts?: number;
  /** No single wait is longer than this, in milliseconds. Default 65 000: the window is a minute, plus slack. */
  maxWaitMs?: number;
  /** At most this many requests run at once. Relay allows 10 for an account; we take 6 and leave room for others. */
  concurrency?: number;
}

export interface RelayErrorBody {
  code: string;
  message: string;
  request_id: string;
  details?: { field: string; problem: string }[];
}

export interface Page<T> {
  data: T[];
  has_more: boolean;
  next_cursor: string | null;
}

export class RelayError extends Error {
  constructor(public readonly status: number, public readonly body: RelayErrorBody) {
    super(`${body.code} (${status}): ${body.message} [${body.request_id}]`);
  }
}

/**
 * Codes that can turn out differently on a second try. FW-1043 is deliberately absent although it comes with a 503:
 * the customer has been saved, only the VAT check is outstanding, so a repetition would end in FW-6102.
 */
const WORTH_RETRYING = new Set(["FW-2010", "FW-2011", "FW-2032", "FW-9001", "FW-9010"]);

export class RelayClient {
  private running = 0;
  private waiting: (() => void)[] = [];
  private readonly base: string;

  constructor(private readonly options: RelayOptions) {
    this.base = options.baseUrl ?? "https://api.ferrowick.example/v2";
  }

  /** Take a place in the pool, or queue for one. */
  private async enter(): Promise<void> {
    const limit = this.options.concurrency ?? 6;
    while (this.running >= limit) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
    this.running += 1;
  }

  private leave(): void {
    this.running -= 1;
    this.waiting.shift()?.();
  }

  /**
   * How long to sleep before the next attempt. `Retry-After` is obeyed to the letter and then stretched by up to a
   * fifth, so that many workers do not all come back in the same instant. Without the header (FW-2011) we double from
   * 250 ms.
   */
  private delay(response: Response, attempt: number): number {
    const header = response.headers.get("Retry-After");
    const asked = header === null ? 250 * 2 ** attempt : Number(header) * 1000;
    return Math.min(asked * (1 + Math.random() / 5), this.options.maxWaitMs ?? 65_000);
  }

  async request<T>(method: string, path: string, body?: unknown, key?: string): Promise<T> {
    // One key for all attempts of the same call. Making a new key inside the loop would defeat its purpose.
    const idempotencyKey = key ?? (method === "POST" ? crypto.randomUUID() : undefined);
    const attempts = this.options.maxAttempts ?? 4;
    for (let attempt = 0; ; attempt += 1) {
      await this.enter();
      let response: Response;
      try {
        response = await fetch(this.base + path, {
          method,
          headers: {
            Authorization: `Bearer ${this.options.token}`,
            ...(body === undefined ? {} : { "Content-Type": "application/json" }),
            ...(idempotencyKey ? { "Idempotency-Key": idempotencyKey } : {}),
          },
          body: body === undefined ? undefined : JSON.stringify(body),
        });
      } finally {
        this.leave();
      }
      if (response.status === 204) return undefined as T;
      if (response.ok) return (await response.json()) as T;
      const problem = (await response.json()) as RelayErrorBody;
      if (attempt + 1 >= attempts || !WORTH_RETRYING.has(problem.code)) {
        throw new RelayError(response.status, problem);
      }
      await new Promise((resolve) => setTimeout(resolve, this.delay(response, attempt)));
    }
  }

  /**
   * Walk all pages. An empty page is not the end: only `has_more` decides. If the caller is so slow that the cursor
   * expires (FW-2040 after two hours), the error is passed on, because starting over silently would hand out records
   * a second time.
   */
  async *all<T>(path: string, query: Record<string, string> = {}): AsyncGenerator<T> {
    let cursor: string | null = null;
    do {
      const parameters = new URLSearchParams({ limit: "100", ...query, ...(cursor ? { cursor } : {}) });
      const page: Page<T> = await this.request("GET", `${path}?${parameters}`);
      yield* page.data;
      cursor = page.has_more ? page.next_cursor : null;
    } while (cursor);
  }

  /** Wait for an import or export. Five seconds between polls is what Relay asks for; faster only meets the cache. */
  async waitForTask(id: string, timeoutMs = 15 * 60_000): Promise<{ state: string; result_url: string | null }> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const task = await this.request<{ state: string; result_url: string | null }>("GET", `/tasks/${id}`);
      if (["done", "failed", "withdrawn"].includes(task.state)) return task;
      if (Date.now() > deadline) throw new Error(`task ${id} is still ${task.state}`);
      await new Promise((resolve) => setTimeout(resolve, 5_000));
    }
  }
}
