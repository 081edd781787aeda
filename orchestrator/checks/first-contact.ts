/**
 * What nobody has verified on AWS yet, in the order and words of docs/first-contact.md, which has a command for each
 * item. A test compares the two.
 */
export const FIRST_CONTACT_CHECKS: readonly string[] = [
  '`dynamodb:Attributes` is enforced on PartiQL updates',
  '`dynamodb:Attributes` is enforced on UpdateItem',
  'Reading by a projection is allowed, reading whole items is not',
  'Whoever runs tasks may pass the three roles, and no fourth',
  'A refused statement in a batch is `ConditionalCheckFailed`, creates nothing, and consumes',
  '`IS MISSING` treats NULL as present',
  'The same item twice in a batch fails the whole call',
  'The image starts: architecture, user, read-only root, no capabilities, route, log',
  'A task that is told to stop ends with 143 within 25 seconds',
  'Quota, and what a task costs',
  'Data points of the near future count when their minute comes',
  'The latch holds, and opens',
  'Throttling ends',
  'The topic lets both services in',
  'The dashboard opens, and its searches find the segments',
  'The rules on stopped tasks match what they should',
];

export const FIRST_CONTACT_PAGE = 'docs/first-contact.md';
