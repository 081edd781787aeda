import { stripVTControlCharacters } from 'node:util';

/** The columns of a text that is ASCII, in place of the package string-width. */
export default function width(text) {
  return text.includes('\u001B') ? stripVTControlCharacters(text).length : text.length;
}
