import { eventually } from '../support/eventually.ts';
import { type PlatformOptions, TestPlatform } from '../support/platform.ts';

/** A platform whose launcher is started again as soon as it ends, as systemd does. */
export class KeptPlatform implements AsyncDisposable {
  readonly platform: TestPlatform;
  /** What earlier launchers printed. */
  #said = '';
  #isEnding = false;
  #starting: Promise<void> = Promise.resolve();

  private constructor(platform: TestPlatform) {
    this.platform = platform;
    this.#keep();
  }

  static async start(options: PlatformOptions = {}): Promise<KeptPlatform> {
    return new KeptPlatform(await TestPlatform.start(options));
  }

  /** Resolves when the launcher has said that the platform is ready, and the API answers. */
  async ready(): Promise<void> {
    await eventually(
      'the API answers',
      async () => {
        if (!this.platform.output.includes('The platform is ready')) return false;
        return (await this.platform.api('/healthz').catch(() => null))?.status === 200;
      },
      { deadlineMs: 60_000, everyMs: 20 },
    );
  }

  /** The ends of programs that the launchers reported, in order. */
  get ends(): readonly string[] {
    return `${this.#said}${this.platform.output}`.split('\n').filter((line) => line.includes(' ended: '));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    await this.#starting;
    await this.platform[Symbol.asyncDispose]();
  }

  #keep(): void {
    this.platform.onceEnded(() => {
      if (this.#isEnding) return;
      this.#said += this.platform.output;
      // A launch also asks the API, which a later kill may interrupt. Then the next one is waited for.
      this.#starting = this.platform.launch().catch(() => undefined);
      this.#keep();
    });
  }
}
