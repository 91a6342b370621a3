import { AgentError, fromWireError, toWireError } from './agent-error.ts';
import type { LineChannel } from './line-channel.ts';
import { readRefusal } from './lines.ts';
import { type AgentHello, type ControllerHello, protocolVersion } from './messages.ts';
import { integer, name, object, oneOf, type Reader, ShapeError, text } from './shape.ts';

const defaultTimeoutMs = 10_000;

/**
 * The agent's half: it speaks first, so that the controller can say which of *this* instance's events it has seen.
 * A controller of another version is told so by name, and its channel is closed.
 */
export async function greetController(
  channel: LineChannel,
  hello: AgentHello,
  timeoutMs: number = defaultTimeoutMs,
): Promise<ControllerHello> {
  channel.send(hello);
  try {
    const message = await channel.next('hello from the controller', timeoutMs);
    const theirs = readHello(message, controllerHello, 'cxlpod-controller');
    refuseMismatch({ agent: hello, controller: theirs });
    return theirs;
  } catch (error) {
    channel.send({ refused: toWireError(error) });
    channel.close();
    throw error;
  }
}

/** The controller's half. `lastEventOf` answers how far the events of an instance have been seen; 0 for one never met. */
export async function greetAgent(
  channel: LineChannel,
  ours: { readonly layout: string; readonly session: string; readonly lastEventOf: (instance: string) => number },
  timeoutMs: number = defaultTimeoutMs,
): Promise<AgentHello> {
  try {
    const message = await channel.next('hello from the agent', timeoutMs);
    const refused = readRefusal(message);
    if (refused !== null) throw fromWireError(refused);
    const hello = readHello(message, agentHello, 'cxlpod-agent');
    const answer: ControllerHello = {
      hello: 'cxlpod-controller',
      protocol: protocolVersion,
      layout: ours.layout,
      session: ours.session,
      lastEvent: ours.lastEventOf(hello.instance),
    };
    refuseMismatch({ agent: hello, controller: answer });
    channel.send(answer);
    return hello;
  } catch (error) {
    channel.close();
    throw error;
  }
}

function refuseMismatch(hellos: { readonly agent: AgentHello; readonly controller: ControllerHello }): void {
  const { agent, controller } = hellos;
  const hint = 'deploy the agent again from this build: cxlpod down, then cxlpod up';
  if (agent.protocol !== controller.protocol) {
    throw new AgentError('PROTOCOL_MISMATCH', 'agent and controller speak different versions of the protocol', {
      cause: `agent ${agent.protocol}, controller ${controller.protocol}`,
      hint,
    });
  }
  if (agent.layout !== controller.layout) {
    throw new AgentError('LAYOUT_MISMATCH', 'agent and controller mean different bytes by the same pool', {
      cause: `agent ${agent.layout}, controller ${controller.layout}`,
      hint,
    });
  }
}

/** A hello of another version may have other fields, so the version is judged before the shape. */
function readHello<Hello extends { protocol: number }>(message: unknown, reader: Reader<Hello>, expected: string): Hello {
  const { hello, protocol } = (message ?? {}) as { hello?: unknown; protocol?: unknown };
  if (hello !== expected) {
    throw new AgentError('BAD_HELLO', `the first line is not a hello of ${expected}`, {
      cause: JSON.stringify(message)?.slice(0, 200),
    });
  }
  if (Number.isSafeInteger(protocol) && protocol !== protocolVersion) {
    throw new AgentError('PROTOCOL_MISMATCH', 'agent and controller speak different versions of the protocol', {
      cause: `this side ${protocolVersion}, ${expected} ${protocol}`,
      hint: 'deploy the agent again from this build: cxlpod down, then cxlpod up',
    });
  }
  try {
    return reader(message, 'hello');
  } catch (error) {
    if (error instanceof ShapeError) throw new AgentError('BAD_HELLO', 'a hello has the wrong shape', { cause: error });
    throw error;
  }
}

const agentHello: Reader<AgentHello> = object<AgentHello>({
  hello: oneOf('cxlpod-agent'),
  protocol: integer(1),
  layout: text(),
  machine: name,
  pid: integer(1),
  instance: name,
});

const controllerHello: Reader<ControllerHello> = object<ControllerHello>({
  hello: oneOf('cxlpod-controller'),
  protocol: integer(1),
  layout: text(),
  session: name,
  lastEvent: integer(0),
});
