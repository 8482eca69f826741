/** A mail server of a few lines, for what a mail client must and must not say to one. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

export type Received = {
  readonly from: string;
  readonly to: readonly string[];
  /** The message as it was transferred: headers, blank line, body. */
  readonly data: string;
};

export type SmtpServer = {
  readonly port: number;
  readonly received: Received[];
  /** Every line a client said, bodies excepted. */
  readonly said: string[];
  /** How many clients are connected at this moment. */
  connections(): number;
  close(): Promise<void>;
};

export type SmtpOptions = {
  /** What the server offers after EHLO. */
  readonly extensions?: readonly string[];
  /** The answer to a command, by its first word, instead of the usual one; '' for silence. */
  readonly answers?: Readonly<Record<string, string>>;
};

/** Listens on all interfaces, because only some of them are this machine to a mail client. */
export async function startSmtpServer(options: SmtpOptions = {}): Promise<SmtpServer> {
  const { extensions = [], answers = {} } = options;
  const received: Received[] = [];
  const said: string[] = [];
  const sockets = new Set<Socket>();

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let pending = '';
    let from = '';
    let to: string[] = [];
    let body: string | undefined;
    const say = (line: string) => line && socket.write(`${line}\r\n`);
    const capabilities = ['mail.test', ...extensions].map(
      (name, index) => `250${index === extensions.length ? ' ' : '-'}${name}`,
    );
    const usual: Record<string, string> = {
      EHLO: capabilities.join('\r\n'),
      MAIL: '250 ok',
      RCPT: '250 ok',
      DATA: '354 go on',
      RSET: '250 ok',
      QUIT: '221 bye',
      AUTH: '235 ok',
      STARTTLS: '454 not now',
    };

    const line = (text: string) => {
      if (body !== undefined) {
        if (text !== '.') {
          body += `${text}\r\n`;
          return;
        }
        const refusal = answers.BODY;
        if (!refusal) received.push({ from, to, data: body });
        body = undefined;
        say(refusal ?? '250 taken');
        return;
      }
      said.push(text);
      const verb = text.split(/[ :]/, 1)[0]?.toUpperCase() ?? '';
      const answer = answers[verb] ?? usual[verb] ?? '500 what';
      say(answer);
      if (!answer.startsWith('2') && !answer.startsWith('3')) return;
      if (verb === 'MAIL') [from, to] = [/<(.*?)>/.exec(text)?.[1] ?? '', []];
      if (verb === 'RCPT') to.push(/<(.*?)>/.exec(text)?.[1] ?? '');
      if (verb === 'DATA') body = '';
      if (verb === 'QUIT') socket.end();
    };
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      const lines = pending.split('\r\n');
      pending = lines.pop() ?? '';
      lines.forEach(line);
    });
    say(answers.GREETING ?? '220 mail.test');
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    received,
    said,
    connections: () => sockets.size,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
