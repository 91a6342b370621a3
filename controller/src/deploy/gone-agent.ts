import type { AgentHello } from '@cxlpod/agent/protocol';
import type { CxlpodError } from '../errors/cxlpod-error.ts';
import type { AgentConnection } from './agent-connection.ts';

/** In the place of the agent of a machine that has ended, or lives without one, until another is admitted: whatever it is asked fails as `why` says. */
export function goneAgent(machine: string, why: CxlpodError): AgentConnection {
  return {
    machine,
    get hello(): AgentHello {
      throw why;
    },
    request: () => Promise.reject(why),
    resumed: () => Promise.reject(why),
    onEvent: () => () => {},
    reattachCount: 0,
    close: async () => {},
  };
}
