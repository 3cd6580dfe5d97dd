import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuditLog } from '../audit/log.ts'
import { unsignedBarrier } from './unsigned-barrier.ts'

test('a log that nobody signs any more refuses calls before it fills the memory', () => {
  const log = { size: 100_300, checkpoints: { newest: { size: 300, note: '' } } }
  const barrier = unsignedBarrier(log as unknown as AuditLog)
  assert.equal(barrier(), undefined)
  log.size++
  assert.equal(barrier()?.code, 'AUDIT_UNAVAILABLE')
  log.checkpoints.newest.size = log.size
  assert.equal(barrier(), undefined)
})
