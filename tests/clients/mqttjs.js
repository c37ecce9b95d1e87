// Drives one MQTT.js client: commands come as lines of JSON on standard input, events go out the same way. tests/clients
// has its counterpart in real.py.
'use strict'
const mqtt = require('mqtt')
const readline = require('readline')

const settings = JSON.parse(process.argv[2])
if (settings.will) settings.will.payload = Buffer.from(settings.will.payload, 'hex')

const tell = (event, more) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n')
const answer = (id) => (error, packet) => tell('done', { id, error: error ? String(error) : null, packet })

// Buffers inside of properties become text for the way through JSON.
const plain = (properties) => {
  const copy = { ...properties }
  if (copy.correlationData) copy.correlationData = copy.correlationData.toString('hex')
  return copy
}

const client = mqtt.connect(settings)
client.on('connect', (packet) => tell('connect', { sessionPresent: packet.sessionPresent }))
client.on('close', () => tell('close'))
client.on('error', (error) => tell('error', { text: String(error) }))
client.on('message', (topic, payload, packet) => tell('message', {
  topic,
  payload: payload.toString('hex'),
  qos: packet.qos,
  retain: packet.retain,
  dup: packet.dup,
  properties: plain(packet.properties)
}))

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line)
  if (command.options && command.options.properties && command.options.properties.correlationData) {
    command.options.properties.correlationData = Buffer.from(command.options.properties.correlationData, 'hex')
  }
  if (command.do === 'subscribe') client.subscribe(command.filter, command.options, answer(command.id))
  else if (command.do === 'unsubscribe') client.unsubscribe(command.filter, answer(command.id))
  else if (command.do === 'publish') {
    client.publish(command.topic, Buffer.from(command.payload, 'hex'), command.options, answer(command.id))
  } else if (command.do === 'end') client.end(false, () => process.exit(0))
})
