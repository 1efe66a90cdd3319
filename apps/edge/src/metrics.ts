import { Counter, Gauge, type Registry } from '@scrim/telemetry';

/** Counters the edge's own parts move; docs/metrics.md lists every metric. */
export interface EdgeMetrics {
  readonly rejected: Counter<'code'>;
  readonly failures: Counter;
  /** Reversible tokens written down for the control plane. */
  readonly tokens: Counter;
}

interface Sources {
  readonly spool: () => { readonly bytes: number; readonly lag: number; readonly full: boolean };
  readonly sessions: () => number;
  readonly vault: () => { readonly bytes: number; readonly full: boolean };
}

/** Registers the edge's metrics; gauges read their source when they are scraped. */
export function edgeMetrics(registry: Registry, sources: Sources): EdgeMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  };
  gauge('scrim_edge_open_sessions', 'sessions open now', sources.sessions);
  gauge('scrim_edge_spool_bytes', 'bytes in the event spool', () => sources.spool().bytes);
  gauge('scrim_edge_spool_lag_bytes', 'spooled bytes the queue has not taken yet', () => sources.spool().lag);
  gauge('scrim_edge_spool_full', '1 when the spool is full and new sessions are refused', () =>
    sources.spool().full ? 1 : 0,
  );
  gauge(
    'scrim_edge_vault_spool_bytes',
    'bytes of reversible tokens the control plane has not taken yet',
    () => sources.vault().bytes,
  );
  gauge('scrim_edge_vault_spool_full', '1 when new reversible tokens are refused', () =>
    sources.vault().full ? 1 : 0,
  );
  return {
    rejected: new Counter({
      name: 'scrim_edge_rejected_total',
      help: 'callers turned away before a session, by refusal code',
      labelNames: ['code'],
      registers,
    }),
    failures: new Counter({
      name: 'scrim_edge_failed_sessions_total',
      help: 'sessions the edge had to end',
      registers,
    }),
    tokens: new Counter({
      name: 'scrim_edge_vault_tokens_total',
      help: 'values kept for reversible tokens',
      registers,
    }),
  };
}
