// Prints everything that the tool can say, by kind, for reading in one go: npm run --silent messages [| head]
import { listMessages } from './message-list.mjs';

// The reader of the pipe may stop early.
process.stdout.on('error', error => process.exit(error.code === 'EPIPE' ? 0 : 1));

const messages = listMessages(process.cwd());
const kinds = [...new Set(messages.map(({ kind }) => kind))].sort();
for (const kind of kinds) {
  const ofKind = messages.filter(message => message.kind === kind);
  console.log(`\n## ${kind} (${ofKind.length})\n`);
  for (const { file, line, text } of ofKind) {
    console.log(`${file}:${line}\n    ${text.replaceAll('\n', '\n    ')}`);
  }
}
console.log(`\n${messages.length} messages`);
