// Finds what the tool prints: string and template literals and text of the page that read like words.
import {
  isArrowFunction,
  isAsExpression,
  isBinaryExpression,
  isCallExpression,
  isExportDeclaration,
  isIdentifier,
  isImportDeclaration,
  isJsxAttribute,
  isJsxText,
  isLiteralTypeNode,
  isNewExpression,
  isNoSubstitutionTemplateLiteral,
  isParenthesizedExpression,
  isPropertyAssignment,
  isRegularExpressionLiteral,
  isStringLiteral,
  isTemplateExpression,
  isTemplateLiteralTypeNode,
  SyntaxKind,
} from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';

const CONFIGS = ['tsconfig.json', 'orchestrator/dashboard/page/tsconfig.json'];

/** The kind of a file's texts, unless something nearer decides. The first match counts. */
const KINDS_OF_PLACES = [
  ['orchestrator/dashboard/page/', 'page and report'],
  ['orchestrator/report/', 'report'],
  ['orchestrator/snapshot/', 'terminal, page and report'],
  ['orchestrator/terminal/', 'terminal'],
  ['orchestrator/dashboard/', 'page'],
  ['orchestrator/checks/', 'finding'],
  ['orchestrator/plan/', 'plan'],
  ['orchestrator/undo/', 'plan of an undo'],
  ['orchestrator/cli/option', 'wrong value'],
  ['orchestrator/', 'words of a command'],
  ['core/', 'reason'],
  ['job/', 'log of a task'],
  ['local/', 'local stack'],
  ['demo/', 'demo'],
];

/** Properties and functions whose texts have this kind in any file. */
const KINDS_OF_NAMES = new Map([
  ['describe', 'help'],
  ['examples', 'help'],
  ['positionals', 'help'],
  ['value', 'help'],
  ['flag', 'help'],
  ['advice', 'finding: advice'],
  ['means', 'finding: what follows'],
  ['unanswered', 'finding: question'],
  ['ask', 'finding: question'],
  ['asking', 'finding: question'],
]);

/** Literals that nobody reads: DynamoDB expressions, styles, and texts for other programs. */
const NOT_WORDS =
  /^(SET|REMOVE|UPDATE|SELECT|ADD|DELETE)\s|attribute_(not_)?exists|#\w+ (=|IN)|#target|:source\{|\dpx |-src '|<!doctype|charset=|prefers-color|^(retry|event): \{|^" or "$/;
const UNREAD_ATTRIBUTES = new Set(['class', 'className', 'd', 'style', 'href', 'viewBox', 'transform']);

/**
 * @param {string} root
 * @returns {import('./message-list.d.mts').Message[]} in the order of files and lines
 */
export function listMessages(root) {
  const api = new API({ cwd: root });
  try {
    const projects = api
      .updateSnapshot({ openProjects: CONFIGS.map(config => `${root}/${config}`) })
      .getProjects();
    return projects
      .flatMap(({ program }) =>
        program
          .getSourceFileNames()
          .map(file => [file.slice(root.length + 1), program, file])
          .filter(([path]) => KINDS_OF_PLACES.some(([place]) => path.startsWith(place))),
      )
      .filter(([path], index, all) => all.findIndex(other => other[0] === path) === index)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([path, program, file]) => messagesIn(path, program.getSourceFile(file)));
  } finally {
    api.close();
  }
}

function messagesIn(path, source) {
  const found = [];
  const visit = (node, context) => {
    if (isUnread(node)) return;
    const text = textOf(node, source);
    if (text !== undefined) {
      if (readsAsWords(text, isJsxText(node))) {
        const at = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
        found.push({ kind: context ?? kindOf(path), file: path, line: at, text });
      }
      // Inserted expressions may contain texts of their own.
      for (const hole of holesOf(node)) visit(hole, context);
      return;
    }
    // A function passed as a value has its own texts.
    const inside = isArrowFunction(node) ? undefined : (contextOf(node) ?? context);
    node.forEachChild(child => visit(child, inside));
  };
  source.forEachChild(node => visit(node, undefined));
  return found;
}

function kindOf(path) {
  return KINDS_OF_PLACES.find(([place]) => path.startsWith(place))[1];
}

function contextOf(node) {
  if (isNewExpression(node) && isIdentifier(node.expression)) {
    return /Error$/.test(node.expression.text) ? 'error' : undefined;
  }
  if (isPropertyAssignment(node) && isIdentifier(node.name)) return KINDS_OF_NAMES.get(node.name.text);
  if (isCallExpression(node) && isIdentifier(node.expression))
    return KINDS_OF_NAMES.get(node.expression.text);
  return undefined;
}

function isUnread(node) {
  return (
    isImportDeclaration(node) ||
    isExportDeclaration(node) ||
    isLiteralTypeNode(node) ||
    isTemplateLiteralTypeNode(node) ||
    isRegularExpressionLiteral(node) ||
    (isJsxAttribute(node) && UNREAD_ATTRIBUTES.has(node.name.text))
  );
}

/**
 * The text of a literal, or of literals joined by `+`, with `{name}` in place of inserted values; otherwise undefined.
 */
function textOf(node, source) {
  if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (isJsxText(node)) return node.text.replace(/\s+/g, ' ').trim();
  if (isTemplateExpression(node)) {
    const spans = node.templateSpans.map(span => `{${nameOf(span.expression, source)}}${span.literal.text}`);
    return `${node.head.text}${spans.join('')}`;
  }
  if (isParenthesizedExpression(node)) return textOf(node.expression, source);
  if (isBinaryExpression(node) && node.operatorToken.kind === SyntaxKind.PlusToken) {
    const [left, right] = [node.left, node.right].map(side => textOf(side, source));
    if (left === undefined && right === undefined) return undefined;
    return `${left ?? `{${nameOf(node.left, source)}}`}${right ?? `{${nameOf(node.right, source)}}`}`;
  }
  return undefined;
}

function holesOf(node) {
  if (isTemplateExpression(node)) return node.templateSpans.map(({ expression }) => expression);
  if (isParenthesizedExpression(node)) return holesOf(node.expression);
  if (isBinaryExpression(node)) return [node.left, node.right].flatMap(side => holesOfSide(side));
  return [];
}

function holesOfSide(side) {
  const literal = isStringLiteral(side) || isNoSubstitutionTemplateLiteral(side);
  if (literal) return [];
  const joined = isTemplateExpression(side) || isBinaryExpression(side) || isParenthesizedExpression(side);
  return joined ? holesOf(side) : [side];
}

/** The last name of an expression: `table` for `plan.table`, `items` for `count(items)`. */
function nameOf(expression, source) {
  if (isAsExpression(expression) || isParenthesizedExpression(expression)) {
    return nameOf(expression.expression, source);
  }
  if (isCallExpression(expression) && expression.arguments.length > 0) {
    return nameOf(expression.arguments[0], source);
  }
  const text = expression.getText(source);
  return /([A-Za-z_$][\w$]*)[^\w$]*$/.exec(text.length > 60 ? text.slice(0, 60) : text)?.[1] ?? '…';
}

/** A text has at least two words, or one on the page. */
function readsAsWords(text, onPage) {
  if (NOT_WORDS.test(text)) return false;
  const words = text.replace(/\{[^}]*\}/g, '').match(/[A-Za-z][a-z]+/g) ?? [];
  return onPage ? words.length > 0 : /\s/.test(text.trim()) && words.length > 0;
}
