import packet from 'dns-packet';

/** The name of the TXT question that test answers belong to. */
export const askedName = '_acme-challenge.example.com';

/** An authoritative answer to that question, as bytes. */
export const answerTo = (id: number, more: Partial<packet.Packet> = {}): Buffer =>
  packet.encode({
    type: 'response',
    id,
    flags: packet.AUTHORITATIVE_ANSWER,
    questions: [{ type: 'TXT', name: askedName }],
    ...more,
  });
