/**
 * What nobody has verified on AWS yet, in the order and words of docs/first-contact.md, which has a command for each
 * item. A test compares the two.
 */
export const FIRST_CONTACT_CHECKS: readonly string[] = [
  '`dynamodb:Attributes` is enforced on PartiQL updates',
  '`dynamodb:Attributes` is enforced on UpdateItem',
  'The role may read projected attributes, and no whole items',
  'The operator may pass the three roles of the stack, and no other',
  'A refused statement in a batch returns `ConditionalCheckFailed`, creates nothing, and consumes a write unit',
  '`IS MISSING` treats NULL as present',
  'The same item twice in a batch fails the whole call',
  'The image starts on Fargate: architecture, user, file system, capabilities, route and log are right',
  'A task that ECS stops ends with exit code 143 within 25 seconds',
  'Quota and prices of the account are as the plan assumes',
  'CloudWatch counts a data point of a future minute when that minute comes',
  'The alarm `run-stalled` notices a silent run, and ends',
  'The throttling alarm returns to OK when throttling ends',
  'CloudWatch and EventBridge may both publish to the topic',
  'The dashboard opens, and its searches find every segment',
  'The rules on stopped tasks match failures, and nothing else',
];

export const FIRST_CONTACT_PAGE = 'docs/first-contact.md';
