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
  isJsxElement,
  isJsxExpression,
  isJsxSelfClosingElement,
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
  isVariableDeclaration,
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

/** The imitated services, which answer in AWS's own words. */
const IN_WORDS_OF_AWS = /^local\/(capacity|cloudwatch|dynamodb|ecs|fault|proxy|wire)\//;

/** The contents of the demo's items. */
const DATA = /^demo\/(recipe\/)?(places|habits)\.ts$/;

/** Literals that nobody reads: DynamoDB and recipe expressions, styles, and texts for other programs. */
const NOT_WORDS = new RegExp(
  [
    /^(SET|REMOVE|UPDATE|SELECT|ADD|DELETE)\s|attribute_(not_)?exists|#\{?\w+\}? (=|<|IN)|#target|:source\{/,
    /^\w+=\w+ [+/]|^kind ==|^run S,item S$/,
    /\dpx |-src '|<!doctype|charset=|prefers-color|^(retry|event): \{|^" or "$/,
    /^--import data:|RealDate|^\{ read -r|^exec "|^export \{name\}=|^node job\.mjs$|^npm run [a-z]+ --$/,
    /^socket hang up$|^Not enough non-option|^Service Quotas$|^Application Auto Scaling$|^DynamoDB Local$/,
    // Examples and the forms of commands.
    /^\$0 .*$|^[a-z]+ [<[][a-z]+[>\]]$/,
  ]
    .map(({ source }) => source)
    .join('|'),
);
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
          .filter(
            ([path]) =>
              KINDS_OF_PLACES.some(([place]) => path.startsWith(place)) &&
              !IN_WORDS_OF_AWS.test(path) &&
              !DATA.test(path),
          ),
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
    const text = isJsxElement(node) ? textOfElement(node, source) : textOf(node, source);
    if (text !== undefined) {
      if (readsAsWords(text, isJsxText(node) || isJsxElement(node))) {
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
    (isJsxAttribute(node) && UNREAD_ATTRIBUTES.has(node.name.text)) ||
    // The reasons of transitions are for readers of the code.
    (isVariableDeclaration(node) && /_TRANSITIONS$/.test(node.name.getText()))
  );
}

/**
 * The sentence of a page element, with `{name}` in place of inserted values; undefined for an element with several
 * parts.
 */
function textOfElement(element, source) {
  const pieces = element.children.map(child => pieceOf(child, source));
  if (pieces.includes(undefined) || !element.children.some(child => isJsxText(child) && child.text.trim()))
    return undefined;
  return pieces.join('').replace(/\s+/g, ' ').trim();
}

const INLINE = new Set(['strong', 'code', 'span', 'em']);

function pieceOf(child, source) {
  if (isJsxText(child)) return child.text.replace(/\s+/g, ' ');
  if (isJsxSelfClosingElement(child)) return child.tagName.getText(source) === 'br' ? ' / ' : undefined;
  if (isJsxExpression(child)) {
    if (!child.expression) return '';
    return textOf(child.expression, source) ?? `{${nameOf(child.expression, source)}}`;
  }
  if (isJsxElement(child) && INLINE.has(child.openingElement.tagName.getText(source)))
    return child.children.map(inner => pieceOf(inner, source)).join('');
  return undefined;
}

/** The text of a literal, or of several joined by `+`, with `{name}` for what is filled in; undefined for all else. */
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
  if (isJsxElement(node)) return node.children.flatMap(holesOfPiece);
  if (isBinaryExpression(node)) return [node.left, node.right].flatMap(side => holesOfSide(side));
  return [];
}

function holesOfPiece(child) {
  if (isJsxElement(child)) return child.children.flatMap(holesOfPiece);
  if (!isJsxExpression(child) || !child.expression || isStringLiteral(child.expression)) return [];
  return [child.expression];
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
  return (text.length > 60 ? undefined : /([A-Za-z_$][\w$]*)[^\w$]*$/.exec(text)?.[1]) ?? '…';
}

/** A text has at least two words, or one on the page. */
function readsAsWords(text, onPage) {
  if (NOT_WORDS.test(text)) return false;
  const words = text.replace(/\{[^}]*\}/g, '').match(/[A-Za-z][a-z]+/g) ?? [];
  return onPage ? words.length > 0 : /\s/.test(text.trim()) && words.length > 0;
}
