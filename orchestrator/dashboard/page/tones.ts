import type { RunStatus, SegmentStatus } from '../../../core/records.ts';
import type { MarkKind } from '../../snapshot/snapshot.ts';

export type Tone = 'plain' | 'busy' | 'good' | 'care' | 'bad';

export function toneOfStatus(status: RunStatus): Tone {
  switch (status) {
    case 'running':
    case 'verifying':
      return 'busy';
    case 'verified':
      return 'good';
    case 'failed':
    case 'incomplete':
      return 'bad';
    case 'paused':
    case 'cancelled':
    case 'quarantined':
      return 'care';
    default:
      return 'plain';
  }
}

export function toneOfMark(kind: MarkKind): Tone {
  switch (kind) {
    case 'task-lost':
    case 'segment-failed':
      return 'bad';
    case 'throttling':
    case 'change':
      return 'care';
    case 'verification':
    case 'end':
      return 'good';
    case 'start':
    case 'pass':
    case 'launch':
      return 'busy';
    default:
      return 'plain';
  }
}

export function toneOfSegment(status: SegmentStatus, stalled: boolean): Tone {
  if (status === 'failed') return 'bad';
  if (stalled) return 'care';
  if (status === 'complete') return 'good';
  return status === 'running' ? 'busy' : 'plain';
}
