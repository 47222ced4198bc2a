import type { Instance } from '../domain/instance.ts';
import type { AppLog } from '../domain/log-line.ts';
import type { Operations } from '../domain/operations.ts';
import type { Store } from '../domain/store.ts';
import type { Clock } from '../system/clock.ts';
import type { Logger } from '../system/logger.ts';
import type { ApiSettings } from './api-settings.ts';
import type { PlatformCapacity, PlatformStatus } from './contract.ts';
import type { AttachTicket, LogView, SecretLinks } from './secret-links.ts';
import type { SignedLinks } from './signed-links.ts';

export interface RouteDeps {
  readonly store: Store;
  readonly operations: Operations;
  readonly appLog: AppLog;
  readonly settings: ApiSettings;
  readonly status: () => Promise<PlatformStatus>;
  readonly capacity: () => Promise<PlatformCapacity>;
  /** Bytes of memory that each instance uses now, by its id. Those that cannot be measured in time are absent. Never throws. */
  readonly memoryUse: (instances: readonly Instance[]) => Promise<ReadonlyMap<string, number>>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly logLinks: SecretLinks<LogView>;
  readonly attachLinks: SecretLinks<AttachTicket>;
  readonly buildLinks: SignedLinks;
  /** Aborts when the API closes. Streams end then. */
  readonly closing: AbortSignal;
}
