import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/**
 * A registry with the process's own metrics (CPU, memory, event-loop lag, GC). Everything a process counts is created
 * against it; `registry.metrics()` is the Prometheus text. One per process, or per test: nothing is global.
 */
export function createMetrics(labels: Readonly<Record<string, string>> = {}): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Seconds; from a cache hit to a slow statement. */
const LATENCY_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A counter named `scrim_<name>`; label values must come from a bounded set, never from what a caller sends. */
export function counter<L extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[] = [],
): Counter<L> {
  return new Counter({ name: `scrim_${name}`, help, labelNames: [...labelNames], registers: [registry] });
}

/** A gauge named `scrim_<name>`; `collect`, when given, is asked for the value at each scrape. */
export function gauge<L extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[] = [],
  collect?: () => number | Promise<number>,
): Gauge<L> {
  return new Gauge<L>({
    name: `scrim_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    ...(collect && {
      async collect(this: Gauge<L>) {
        this.set(await collect());
      },
    }),
  });
}

/** A histogram of seconds named `scrim_<name>`. */
export function latency<L extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[] = [],
): Histogram<L> {
  return new Histogram({
    name: `scrim_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    buckets: LATENCY_BUCKETS,
  });
}
