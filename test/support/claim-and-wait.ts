/** Run as a process of its own: claims a database and idles. */
import { claimInstance } from '../../src/platform/instance-lock.js';

const claim = await claimInstance(process.argv[2] ?? '');
console.log(claim === 'taken' ? 'taken' : 'claimed');
setInterval(() => undefined, 60_000);
