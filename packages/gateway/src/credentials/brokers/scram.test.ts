import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { scramVerifier } from './scram.ts'

test('the stored form is the one of RFC 7677’s example', () => {
  const salt = 'W22ZaJ0SNY7soEsUEjb6gQ=='
  const message =
    'n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,' +
    `s=${salt},i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0`
  const [, , keys = ''] = scramVerifier('pencil', Buffer.from(salt, 'base64')).split('$')
  const [stored, server] = keys.split(':').map((key) => Buffer.from(key, 'base64')) as [Buffer, Buffer]
  const sign = (key: Buffer) => createHmac('sha256', key).update(message).digest()
  assert.equal(sign(server).toString('base64'), '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  const proof = Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64')
  const clientKey = sign(stored).map((byte, i) => byte ^ (proof[i] as number))
  assert.deepEqual(createHash('sha256').update(clientKey).digest(), stored)
})
