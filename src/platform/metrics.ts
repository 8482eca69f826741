/** Prometheus metrics: what the process does, by route, never by path or person. */
import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Histogram,
  Registry,
} from 'prom-client';

/** What `/metrics` shows. */
export type MetricsPage = { render(): Promise<{ contentType: string; body: string }> };

export type Metrics = MetricsPage & {
  request(seen: { method: string; route: string; status: number; seconds: number }): void;
  /** What came of one try to tell a client of a log-out. */
  logoutNotice(outcome: 'delivered' | 'unwanted' | 'failed' | 'given-up'): void;
  /** Lets the primary process ask this worker for its figures. */
  shareWithPrimary(): void;
};

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'latchkey_http_request_duration_seconds',
    help: 'Time from the request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [registry],
  });
  const notices = new Counter({
    name: 'latchkey_logout_notices_total',
    help: 'Tries to tell a client of a log-out, by what came of them',
    labelNames: ['outcome'],
    registers: [registry],
  });
  return {
    logoutNotice(outcome) {
      notices.inc({ outcome });
    },
    request({ method, route, status, seconds }) {
      requests.observe({ method, route, status: `${Math.floor(status / 100)}xx` }, seconds);
    },
    async render() {
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
    shareWithPrimary() {
      AggregatorRegistry.setRegistries(registry);
      // Its constructor starts to listen for the primary's question.
      new AggregatorRegistry();
    },
  };
}

/** In the primary process: the figures of all workers, added up. */
export function createSharedMetrics(): MetricsPage {
  const registry = new AggregatorRegistry();
  return {
    async render() {
      return { contentType: registry.contentType, body: await registry.clusterMetrics() };
    },
  };
}
