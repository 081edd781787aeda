import { readFileSync } from 'node:fs';
import { parse, Scalar, type ScalarTag, type Tags, type YAMLMap, type YAMLSeq } from 'yaml';

/** A template in YAML. Short tags (`!Ref`, `!Sub`, …) are in their long form (`{ Ref: … }`). */
export interface Template {
  readonly Description: string;
  readonly Metadata: {
    readonly 'AWS::CloudFormation::Interface': {
      readonly ParameterGroups: readonly {
        readonly Label: { default: string };
        readonly Parameters: readonly string[];
      }[];
    };
  };
  readonly Parameters: Readonly<Record<string, Parameter>>;
  readonly Mappings?: Readonly<
    Record<string, Readonly<Record<string, Readonly<Record<string, string | number>>>>>
  >;
  readonly Conditions?: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Readonly<Record<string, { readonly Description?: string; readonly Value: unknown }>>;
}

export interface Parameter {
  readonly Type: string;
  readonly Description?: string;
  readonly Default?: string | number;
  readonly AllowedValues?: readonly (string | number)[];
  readonly AllowedPattern?: string;
  readonly ConstraintDescription?: string;
  readonly MinValue?: number;
  readonly MaxValue?: number;
}

interface Resource {
  readonly Type: string;
  readonly Condition?: string;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly Properties: Readonly<Record<string, unknown>>;
}

export type TemplateName = 'table' | 'network' | 'repository' | 'fleet' | 'dashboard';

export const TEMPLATE_NAMES: readonly TemplateName[] = [
  'table',
  'network',
  'repository',
  'fleet',
  'dashboard',
];

const SCALAR_FUNCTIONS = ['Ref', 'Sub', 'GetAtt', 'GetAZs'];
const LIST_FUNCTIONS = [
  'Sub',
  'GetAtt',
  'If',
  'Join',
  'Split',
  'Select',
  'FindInMap',
  'Equals',
  'Not',
  'And',
  'Or',
  'Contains',
];

function longName(name: string): string {
  return name === 'Ref' ? name : `Fn::${name}`;
}

const shortTags = [
  ...SCALAR_FUNCTIONS.map(
    (name): ScalarTag => ({
      tag: `!${name}`,
      resolve: text => ({ [longName(name)]: name === 'GetAtt' ? splitOnce(text) : text }),
    }),
  ),
  ...LIST_FUNCTIONS.map(name => ({
    tag: `!${name}`,
    collection: 'seq' as const,
    resolve: (list: YAMLSeq | YAMLMap) => new Scalar({ [longName(name)]: list.toJSON() }),
  })),
] as unknown as Tags;

function splitOnce(text: string): [string, string] {
  const dot = text.indexOf('.');
  return [text.slice(0, dot), text.slice(dot + 1)];
}

export function templateText(name: TemplateName): string {
  return readFileSync(new URL(`../../../infra/${name}.yaml`, import.meta.url), 'utf8');
}

export function loadTemplate(name: TemplateName): Template {
  return parseTemplate(templateText(name));
}

export function parseTemplate(text: string): Template {
  return parse(text, { customTags: shortTags }) as Template;
}

export const ACCOUNT = '111122223333';
export const REGION = 'eu-west-1';

const PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  'AWS::AccountId': ACCOUNT,
  'AWS::Region': REGION,
  'AWS::Partition': 'aws',
  'AWS::StackName': 'fleetfill',
  'AWS::URLSuffix': 'amazonaws.com',
};

/** Parameters of fleet.yaml without a default, for a stack over the founding case's table. */
export const FLEET_PARAMETERS: Readonly<Record<string, string>> = {
  TableName: 'stuff',
  Attributes: 'test',
  VpcId: 'vpc-1',
  SubnetIds: 'subnet-a,subnet-b',
  AssignPublicIp: 'DISABLED',
  ImageUri: `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/tools/fleetfill:1.0`,
};

/** Parameters of dashboard.yaml without a default. */
export const DASHBOARD_PARAMETERS: Readonly<Record<string, string>> = {
  TableName: 'stuff',
  LogGroup: 'LogGroup',
};

const NO_VALUE = Symbol('AWS::NoValue');

/**
 * Evaluates the intrinsic functions that our templates use, so that a test reads a policy or a dashboard as the service
 * would get it. Resources become their logical ids, and their attributes `LogicalId.Attribute`.
 */
export class Rendering {
  readonly #template: Template;
  readonly #values: Readonly<Record<string, string>>;

  constructor(template: Template, parameters: Readonly<Record<string, string>> = {}) {
    this.#template = template;
    const defaults = Object.entries(template.Parameters).flatMap(([name, { Default }]) =>
      Default === undefined ? [] : [[name, String(Default)]],
    );
    this.#values = { ...PSEUDO_PARAMETERS, ...Object.fromEntries(defaults), ...parameters };
  }

  /** Logical ids of the resources whose condition holds. */
  resources(): string[] {
    return Object.entries(this.#template.Resources)
      .filter(([, resource]) => resource.Condition === undefined || this.#condition(resource.Condition))
      .map(([id]) => id);
  }

  // biome-ignore lint/suspicious/noExplicitAny: a rendered template has the shape of whatever service it is for.
  properties(logicalId: string): any {
    const resource = this.#template.Resources[logicalId];
    if (resource === undefined) throw new Error(`The template has no resource ${logicalId}`);
    return this.render(resource.Properties);
  }

  output(name: string): unknown {
    const output = this.#template.Outputs[name];
    if (output === undefined) throw new Error(`The template has no output ${name}`);
    return this.render(output.Value);
  }

  render(value: unknown): unknown {
    if (Array.isArray(value))
      return value.map(entry => this.render(entry)).filter(entry => entry !== NO_VALUE);
    if (typeof value !== 'object' || value === null) return value;
    const [only, ...others] = Object.entries(value);
    if (only !== undefined && others.length === 0 && (only[0] === 'Ref' || only[0].startsWith('Fn::'))) {
      return this.#call(only[0], only[1]);
    }
    const entries = Object.entries(value).map(([key, entry]) => [key, this.render(entry)] as const);
    return Object.fromEntries(entries.filter(([, entry]) => entry !== NO_VALUE));
  }

  #call(name: string, argument: unknown): unknown {
    switch (name) {
      case 'Ref':
        return this.#reference(String(argument));
      case 'Fn::GetAtt':
        return this.#attribute((argument as string[]).join('.'));
      case 'Fn::Sub':
        return Array.isArray(argument)
          ? this.#substitute(...(argument as [string, object]))
          : this.#substitute(String(argument));
      case 'Fn::If': {
        const [condition, then, otherwise] = argument as [string, unknown, unknown];
        return this.render(this.#condition(condition) ? then : otherwise);
      }
      case 'Fn::Join': {
        const [separator, list] = argument as [string, unknown];
        return (this.render(list) as string[]).join(separator);
      }
      case 'Fn::Split': {
        const [separator, text] = argument as [string, unknown];
        return String(this.render(text)).split(separator);
      }
      case 'Fn::Select': {
        const [index, list] = argument as [number, unknown];
        return (this.render(list) as unknown[])[index];
      }
      case 'Fn::FindInMap': {
        const [map, first, second] = (argument as unknown[]).map(entry => String(this.render(entry)));
        const value = this.#template.Mappings?.[map ?? '']?.[first ?? '']?.[second ?? ''];
        if (value === undefined) throw new Error(`The template maps no ${map}.${first}.${second}`);
        return value;
      }
      default:
        throw new Error(`The templates did not use ${name} when this was written; teach it to this function`);
    }
  }

  #reference(name: string): unknown {
    if (name === 'AWS::NoValue') return NO_VALUE;
    const value = this.#values[name];
    if (value === undefined) return this.#resource(name);
    return this.#template.Parameters[name]?.Type.startsWith('List<') ? value.split(',') : value;
  }

  /** The value of Ref: an alarm's name, because ours have one, and otherwise the logical id. */
  #resource(name: string): string {
    const resource = this.#template.Resources[name];
    if (resource === undefined) throw new Error(`Nothing in the template is named ${name}`);
    return String(this.render(resource.Properties['AlarmName'] ?? name));
  }

  #attribute(path: string): string {
    this.#resource(splitOnce(path)[0]);
    return path;
  }

  #substitute(text: string, variables: object = {}): string {
    return text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, name: string) => {
      if (literal === '!') return `\${${name}}`;
      if (name in variables) return String(this.render((variables as Record<string, unknown>)[name]));
      return name.includes('.') ? this.#attribute(name) : String(this.#reference(name));
    });
  }

  #condition(name: string): boolean {
    const evaluate = (expression: unknown): boolean => {
      const [[operator, argument] = ['', undefined]] = Object.entries(expression as object);
      const list = argument as unknown[];
      switch (operator) {
        case 'Condition':
          return this.#condition(String(argument));
        case 'Fn::Equals':
          return String(this.render(list[0])) === String(this.render(list[1]));
        case 'Fn::Not':
          return !evaluate(list[0]);
        case 'Fn::And':
          return list.every(evaluate);
        case 'Fn::Or':
          return list.some(evaluate);
        default:
          throw new Error(
            `The conditions did not use ${operator} when this was written; teach it to this function`,
          );
      }
    };
    const expression = this.#template.Conditions?.[name];
    if (expression === undefined) throw new Error(`The template has no condition ${name}`);
    return evaluate(expression);
  }
}
