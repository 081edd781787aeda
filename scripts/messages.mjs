// Prints what the tool can say, kind by kind, so that it can be read in one go: npm run --silent messages [| head]
import { listMessages } from './message-list.mjs';

// Whoever reads may have read enough.
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
