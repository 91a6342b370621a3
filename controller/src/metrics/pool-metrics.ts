/** What a pod counts, for Prometheus. */
import { bucketLimitNs, byMethod, type ConnectionFigures, type ServiceMethodFigures } from '@cxlpod/agent/statistics';
import { type HistogramValues, histogram, type Labels, type MetricFamily, type Sample } from './exposition.ts';
import type { PoolReading } from './pool-reading.ts';

const nsPerSecond = 1e9;
const overReuse = 'Of connections whose places in the table have not been used again.';

export function poolMetrics(reading: PoolReading): readonly MetricFamily[] {
  return [
    ...ofMethods(byMethod(reading.connections)),
    ...ofConnections(reading.connections),
    ...ofClients(reading),
    ...ofHeap(reading),
    ...ofHistory(reading),
  ];
}

function ofMethods(methods: readonly ServiceMethodFigures[]): MetricFamily[] {
  const counter = (name: string, help: string, value: (each: ServiceMethodFigures) => number): MetricFamily => ({
    name: `cxlpod_rpc_${name}_total`,
    type: 'counter',
    help: `${help} ${overReuse}`,
    samples: methods.map((each) => ({ labels: labelsOf(each), value: value(each) })),
  });
  return [
    counter('calls', 'Calls that ended, in any way.', ({ calls }) => calls),
    counter('calls_failed', 'Of these FAILED, TOO_LARGE or UNKNOWN_METHOD.', ({ failed }) => failed),
    counter('calls_refused', 'Of these REFUSED by the handler or for their request.', ({ refused }) => refused),
    counter(
      'calls_over_budget',
      'Timed calls that were longer in the handler than their service allows.',
      ({ overruns }) => overruns,
    ),
    histogram(
      'cxlpod_rpc_handler_seconds',
      'Time in the handler, of the calls that were timed: one in timed_one_of.',
      methods.filter(({ timed }) => timed > 0).map(histogramOf),
    ),
  ];
}

function histogramOf(each: ServiceMethodFigures): HistogramValues {
  const buckets = each.buckets.map((count, bucket) => ({ limit: bucketLimitNs(bucket) / nsPerSecond, count }));
  return { labels: labelsOf(each), buckets, sum: each.totalNs / nsPerSecond };
}

/** Methods without a name are known by their number. */
function labelsOf({ service, method, name }: ServiceMethodFigures): Labels {
  return { service, method: name === '' ? String(method) : name };
}

function ofConnections(connections: readonly ConnectionFigures[]): MetricFamily[] {
  const services = [...new Set(connections.map(({ service }) => service))].sort();
  const sums = (value: (each: ConnectionFigures) => number): Sample[] =>
    services.map((service) => ({
      labels: { service },
      value: connections.reduce((sum, each) => (each.service === service ? sum + value(each) : sum), 0),
    }));
  const family = (name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): MetricFamily => ({
    name: `cxlpod_rpc_${name}`,
    type,
    help,
    samples,
  });
  const states = ['listening', 'open', 'closed'] as const;
  return [
    family(
      'requests_sent_total',
      'counter',
      `Requests that callers sent. ${overReuse}`,
      sums(({ sent }) => sent),
    ),
    family(
      'requests_sent_again_total',
      'counter',
      `Requests that callers sent again. ${overReuse}`,
      sums(({ resent }) => resent),
    ),
    family(
      'calls_late_total',
      'counter',
      `Calls whose deadline passed before their response. ${overReuse}`,
      sums(({ late }) => late),
    ),
    family(
      'forged_requests_total',
      'counter',
      `Requests that were no requests. ${overReuse}`,
      sums(({ forged }) => forged),
    ),
    family(
      'calls_in_flight',
      'gauge',
      'Calls that were sent, and whose callers are not done with them.',
      sums(({ inFlight }) => inFlight),
    ),
    family(
      'timed_one_of',
      'gauge',
      'One of so many calls has its time taken; the most of the connections of a service.',
      services.map((service) => ({
        labels: { service },
        value: Math.max(...connections.filter((each) => each.service === service).map(({ timedOneOf }) => timedOneOf)),
      })),
    ),
    family(
      'connections',
      'gauge',
      'Connections that have listened since the pool was formatted, by state.',
      states.map((state) => ({ labels: { state }, value: connections.filter((each) => each.state === state).length })),
    ),
  ];
}

function ofClients({ clients }: PoolReading): MetricFamily[] {
  const present = clients.filter(({ state }) => state !== 'free');
  const keys = [...new Set(present.map(({ machine, state }) => `${machine} ${state}`))].sort();
  const isFenced = ({ incarnation, fencedIncarnation }: PoolReading['clients'][number]): boolean =>
    fencedIncarnation >= incarnation;
  const isSuspected = ({ incarnation, suspectedIncarnation }: PoolReading['clients'][number]): boolean =>
    suspectedIncarnation >= incarnation;
  const gauge = (name: string, help: string, value: number): MetricFamily => ({
    name,
    type: 'gauge',
    help,
    samples: [{ value }],
  });
  return [
    {
      name: 'cxlpod_clients',
      type: 'gauge',
      help: 'Clients in the table of the pool, by machine and state.',
      samples: keys.map((key) => {
        const [machine = '', state = ''] = key.split(' ');
        const value = present.filter((each) => String(each.machine) === machine && each.state === state).length;
        return { labels: { machine, state }, value };
      }),
    },
    gauge(
      'cxlpod_clients_suspected',
      'Clients that somebody suspects to be dead, or did, and that are still there.',
      present.filter(isSuspected).length,
    ),
    gauge('cxlpod_clients_fenced', 'Clients whose end was seen and that are not recovered yet.', present.filter(isFenced).length),
    gauge(
      'cxlpod_client_places_fenced',
      'Places of the client table of which at least one occupant was fenced.',
      clients.filter(({ fencedIncarnation }) => fencedIncarnation > 0).length,
    ),
    {
      name: 'cxlpod_clients_joined_total',
      type: 'counter',
      help: 'Clients that ever joined the pool.',
      samples: [{ value: clients.reduce((sum, { incarnation }) => sum + incarnation, 0) }],
    },
  ];
}

function ofHeap({ heap }: PoolReading): MetricFamily[] {
  if (heap === null) return [];
  const { segmentBytes, segmentCount, takenSegments, usedBytes } = heap;
  const gauge = (name: string, help: string, value: number): MetricFamily => ({
    name: `cxlpod_heap_${name}`,
    type: 'gauge',
    help,
    samples: [{ value }],
  });
  return [
    gauge('bytes', 'Size of the heap.', segmentCount * segmentBytes),
    gauge('taken_bytes', 'Bytes of segments that somebody owns, or left objects in.', takenSegments * segmentBytes),
    gauge('used_bytes', 'Bytes of blocks that are not free, as the owners of their segments last wrote it.', usedBytes),
  ];
}

function ofHistory({ history }: PoolReading): MetricFamily[] {
  if (history === null) return [];
  const counter = (name: string, help: string, value: number): MetricFamily => ({
    name: `cxlpod_${name}_total`,
    type: 'counter',
    help: `${help} Counted in the history of the pod.`,
    samples: [{ value }],
  });
  return [
    counter('operations', 'Recorded operations that ended.', history.ends),
    counter('last_words', 'Clients that died where a fault had armed them, and said so.', history.lastWords),
    counter('recoveries', 'Dead clients whose recovery ended.', history.recovered),
  ];
}
