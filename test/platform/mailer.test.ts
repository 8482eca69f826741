/** Outgoing mail meets a real mail server: what it says, and what it refuses to say. */
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/kernel/secret.js';
import { createSmtpMailer, MailFailed } from '../../src/platform/mailer.js';
import { pngOf } from '../support/png.js';
import { type SmtpOptions, type SmtpServer, startSmtpServer } from '../support/smtp-server.js';

const letter = {
  to: 'mara@fernhill.example',
  subject: 'Your password was changed',
  text: 'Plain words.',
  html: '<p>Plain words.</p>',
};
const from = { name: 'Alder & Oak', address: 'no-reply@id.alder-oak.example' };
// This machine under a name that does not say so: anywhere else, to a mail client.
const ELSEWHERE = '0.0.0.0';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

async function post(
  options: SmtpOptions & { host?: string; scheme?: string; login?: string } = {},
): Promise<{ server: SmtpServer; mailer: ReturnType<typeof createSmtpMailer> }> {
  const { host = '127.0.0.1', scheme = 'smtp', login = '' } = options;
  const server = await startSmtpServer(options);
  const url = new Secret(`${scheme}://${login}${host}:${server.port}`);
  const mailer = createSmtpMailer({ url, from });
  opened.push(mailer, server);
  return { server, mailer };
}

const failureOf = (sending: Promise<void>): Promise<MailFailed> =>
  sending.then(
    () => expect.fail('it was sent'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(MailFailed);
      return error as MailFailed;
    },
  );

const headersOf = (data: string) => data.slice(0, data.indexOf('\r\n\r\n')).split('\r\n');

describe('a letter', () => {
  test('arrives once, in both forms, from the shop to its reader', async () => {
    const { server, mailer } = await post();
    await mailer.send(letter);
    const [message, ...more] = server.received;
    expect(more).toEqual([]);
    expect(message).toMatchObject({ from: from.address, to: [letter.to] });
    const headers = headersOf(message?.data ?? '');
    expect(headers).toContain('From: "Alder & Oak" <no-reply@id.alder-oak.example>');
    expect(headers).toContain('To: mara@fernhill.example');
    expect(headers).toContain('Subject: Your password was changed');
    expect(headers).toContain('Auto-Submitted: auto-generated');
    expect(message?.data).toMatch(/Content-Type: text\/plain[\s\S]*Plain words/);
    expect(message?.data).toMatch(/Content-Type: text\/html[\s\S]*<p>Plain words/);
    // Neither the library and its version nor the name of this machine.
    expect(headers.join('\n')).not.toMatch(/nodemailer|X-Mailer/i);
    expect(server.said[0]).toBe('EHLO id.alder-oak.example');
  });

  test('brings its pictures along, for the HTML alone', async () => {
    const { server, mailer } = await post();
    const bytes = pngOf(32, 16);
    const html = '<img src="cid:logo@latchkey" alt="Alder">';
    const pictures = [{ cid: 'logo@latchkey', type: 'image/png' as const, bytes }];
    await mailer.send({ ...letter, html, pictures });
    const data = server.received[0]?.data ?? '';
    expect(data).toMatch(/Content-Type: multipart\/alternative[\s\S]*multipart\/related/);
    expect(data).toMatch(/Content-ID: <logo@latchkey>/i);
    expect(data).toMatch(/Content-Disposition: inline; filename=logo\.png/);
    expect(data.replaceAll('\r\n', '')).toContain(Buffer.from(bytes).toString('base64'));
  });

  test('goes over the connection of the one before', async () => {
    const { server, mailer } = await post();
    await mailer.send(letter);
    await mailer.send(letter);
    expect(server.received).toHaveLength(2);
    expect(server.said.filter((line) => line.startsWith('EHLO'))).toHaveLength(1);
  });

  test('is sent with the log-in of the address, which may hold any character', async () => {
    const { server, mailer } = await post({ extensions: ['AUTH PLAIN'], login: 'shop:p%40ss%3A@' });
    await mailer.send(letter);
    const credentials = Buffer.from('\0shop\0p@ss:').toString('base64');
    expect(server.said).toContain(`AUTH PLAIN ${credentials}`);
  });
});

describe('nobody adds to a letter', () => {
  const breaks = ['\r\n', '\n', '\r', '\u2028', '\0\r\n'];

  test.each(breaks)('with a line break in its subject: %j', async (lineBreak) => {
    const { server, mailer } = await post();
    const subject = `Hello${lineBreak}Bcc: eve@evil.example${lineBreak}${lineBreak}body`;
    await mailer.send({ ...letter, subject });
    expect(server.received[0]?.to).toEqual([letter.to]);
    const names = headersOf(server.received[0]?.data ?? '')
      .filter((line) => /^\S/.test(line))
      .map((line) => line.split(':', 1)[0]);
    expect(names).not.toContain('Bcc');
    expect(names.filter((name) => name === 'Subject')).toHaveLength(1);
  });

  test.each([
    'mara@fernhill.example, eve@evil.example',
    'mara@fernhill.example,eve@evil.example',
    'mara@fernhill.example\r\nRCPT TO:<eve@evil.example>',
    'mara@fernhill.example>\r\nDATA',
    'eve@evil.example <mara@fernhill.example>',
    '"mara@fernhill.example"@evil.example',
    'group:mara@fernhill.example;',
    'mara@fern(hill)@evil.example',
    'mara',
    '',
  ])('with a reader who is more than an address: %j', async (to) => {
    const { server, mailer } = await post();
    const failure = await failureOf(mailer.send({ ...letter, to }));
    expect(failure).toMatchObject({ code: 'EADDRESS', permanent: true });
    expect(server.said).toEqual([]);
  });

  test('with a lone dot in its text', async () => {
    const { server, mailer } = await post();
    await mailer.send({ ...letter, text: 'one\r\n.\r\nMAIL FROM:<eve@evil.example>\r\n' });
    expect(server.received).toHaveLength(1);
    expect(server.said.filter((line) => line.startsWith('MAIL'))).toHaveLength(1);
  });
});

describe('beyond this machine, without encryption', () => {
  const login = 'shop:hush@';
  const cases: Record<string, SmtpOptions> = {
    'a server that does not offer it': { extensions: ['AUTH PLAIN LOGIN'] },
    'a server that offers it and then will not': { extensions: ['STARTTLS', 'AUTH PLAIN LOGIN'] },
    'a server that agrees and then talks on in clear': {
      extensions: ['STARTTLS', 'AUTH PLAIN LOGIN'],
      answers: { STARTTLS: '220 go on\r\n250 and now in clear' },
    },
  };

  test.each(Object.entries(cases))('%s hears neither log-in nor letter', async (_name, options) => {
    const { server, mailer } = await post({ ...options, host: ELSEWHERE, login });
    const failure = await failureOf(mailer.send(letter));
    expect(failure.permanent).toBe(false);
    expect(server.received).toEqual([]);
    expect(server.said.filter((line) => /^(?:AUTH|MAIL|RCPT|DATA)/i.test(line))).toEqual([]);
  });

  test('a server that should speak TLS from the start hears nothing', async () => {
    const { server, mailer } = await post({ host: ELSEWHERE, scheme: 'smtps', login });
    await failureOf(mailer.send(letter));
    expect(server.received).toEqual([]);
    expect(server.said.join('')).not.toContain('AUTH');
  });

  test('a relay on this machine gets its letters, whatever certificate it offers', async () => {
    const { server, mailer } = await post({ extensions: ['STARTTLS'] });
    await mailer.send(letter);
    expect(server.received).toHaveLength(1);
  });
});

describe('a refusal', () => {
  test.each([
    ['an unknown mailbox is final', { RCPT: '550 5.1.1 <mara@fernhill.example> unknown' }, true],
    ['a full mailbox is not', { RCPT: '452 4.2.2 <mara@fernhill.example> is full' }, false],
    ['a refused sender is not', { MAIL: '553 5.7.1 no-reply@id.alder-oak.example: no' }, false],
    ['a refused letter is not', { BODY: '554 5.7.1 mara@fernhill.example: no' }, false],
    ['a server that is busy is not', { GREETING: '421 later' }, false],
  ] as const)('by %s, and is told in codes', async (_name, answers, permanent) => {
    const { mailer } = await post({ answers });
    const failure = await failureOf(mailer.send(letter));
    expect(failure.permanent).toBe(permanent);
    // What the server said names people; it is in no message, cause or stack.
    const shown = inspect(failure, { depth: 9 }) + JSON.stringify(failure);
    expect(shown).not.toMatch(/fernhill|no-reply/);
  });

  test('of the log-in does not print the password', async () => {
    const { mailer } = await post({
      extensions: ['AUTH PLAIN'],
      answers: { AUTH: '535 5.7.8 shop:hush is wrong' },
      login: 'shop:hush@',
    });
    const failure = await failureOf(mailer.send(letter));
    expect(failure.code).toMatch(/EAUTH/);
    expect(inspect(failure, { depth: 9 })).not.toContain('hush');
  });

  test('by silence comes to an end', async () => {
    const { mailer } = await post({ answers: { GREETING: '' } });
    const started = Date.now();
    await failureOf(mailer.send(letter));
    expect(Date.now() - started).toBeLessThan(8_000);
  });
});
