import { stripVTControlCharacters } from 'node:util';

/** The columns of an ASCII text. It replaces the package string-width. */
export default function width(text) {
  return text.includes('\u001B') ? stripVTControlCharacters(text).length : text.length;
}
