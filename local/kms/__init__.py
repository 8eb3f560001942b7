"""A stand-in for AWS KMS: the calls that envelope encryption needs, over AWS's own JSON protocol on 127.0.0.1.

Real AES-GCM inside, encryption contexts checked, keys that can be disabled, aliases, throttling on order. Any AWS SDK
talks to it by its endpoint URL. Signatures are demanded but not verified. It imports no product code.
"""
