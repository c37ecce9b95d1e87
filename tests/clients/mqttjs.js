// Drives MQTT.js clients: commands come as lines of JSON on standard input, events go out the same way, each with the number
// of its client. One process serves a whole test run, as starting node takes longer than most tests. Counterpart: real.py.
'use strict'
const mqtt = require('mqtt')
const readline = require('readline')

const clients = new Map()

const tell = (number, event, more) => process.stdout.write(JSON.stringify({ number, event, ...more }) + '\n')

// Buffers inside of properties go through JSON as hexadecimal text.
const encoded = (properties) => {
  const copy = { ...properties }
  if (copy.correlationData) copy.correlationData = copy.correlationData.toString('hex')
  return copy
}

const decoded = (options) => {
  const properties = options.properties || {}
  for (const name of ['correlationData', 'authenticationData']) {
    if (properties[name]) properties[name] = Buffer.from(properties[name], 'hex')
  }
  return options
}

const open = (number, settings) => {
  if (settings.will) decoded(settings.will).payload = Buffer.from(settings.will.payload, 'hex')
  if (settings.password) settings.password = Buffer.from(settings.password, 'hex')
  const client = mqtt.connect(decoded(settings))
  clients.set(number, client)
  client.on('connect', (packet) => tell(number, 'connect', { sessionPresent: packet.sessionPresent }))
  client.on('error', (error) => tell(number, 'error', { text: String(error) }))
  client.on('message', (topic, payload, packet) => tell(number, 'message', {
    topic,
    payload: payload.toString('hex'),
    qos: packet.qos,
    retain: packet.retain,
    properties: encoded(packet.properties)
  }))
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const command = JSON.parse(line)
  const number = command.number
  const client = clients.get(number)
  const done = (error, granted) => tell(number, 'done', { error: error ? String(error) : null, granted })
  if (command.do === 'open') open(number, command.settings)
  else if (command.do === 'subscribe') client.subscribe(command.filter, command.options, done)
  else if (command.do === 'publish') {
    client.publish(command.topic, Buffer.from(command.payload, 'hex'), decoded(command.options), (error) => done(error))
  } else if (command.do === 'leave') client.end(false, () => done())
  else if (command.do === 'die') {
    client.options.reconnectPeriod = 0
    client.stream.destroy()
    client.end(true, () => done())
  }
}).on('close', () => process.exit(0))
