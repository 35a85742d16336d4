"""Requests as programs send them, for ``wire.replay``; words in capitals within the body stand for what differs."""

OPEN_WEBUI = """
POST /v1/audio/transcriptions HTTP/1.1
Host: 127.0.0.1
Authorization: Bearer sk-dummy
Accept: */*
Accept-Encoding: gzip, deflate
User-Agent: Python/3.11 aiohttp/3.13.2
Content-Type: multipart/form-data; boundary=c030238d58e44c9fb238860ff81143ba
Transfer-Encoding: chunked

--c030238d58e44c9fb238860ff81143ba
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name="model"


--c030238d58e44c9fb238860ff81143ba
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name="language"

en
--c030238d58e44c9fb238860ff81143ba
Content-Type: audio/mpeg
Content-Disposition: form-data; name="file"; filename="7f0c.mp3"

AUDIO
--c030238d58e44c9fb238860ff81143ba--
"""

SUBTITLE_EDIT = """
POST /v1/audio/transcriptions HTTP/1.1
Host: 127.0.0.1
Content-Type: multipart/form-data; boundary="7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37"

--7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37
Content-Type: audio/wav
Content-Disposition: form-data; name=file; filename="=?utf-8?B?dMO2bmUud2F2?="; filename*=utf-8''t%C3%B6ne.wav

AUDIO
--7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name=model

whisper-1
--7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name=language

en
--7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name=response_format

json
--7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name="timestamp_granularities[]"

segment
--7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name="timestamp_granularities[]"

word
--7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name=stream

STREAM
--7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37
Content-Type: text/plain; charset=utf-8
Content-Disposition: form-data; name=temperature

0.20
--7c0b1d1e-5f0e-4c8e-9f57-1d2f8f1f6f37--
"""

BAZARR = """
POST PATH HTTP/1.1
Host: 127.0.0.1
User-Agent: Subliminal/2.2
Accept-Encoding: gzip, deflate
Accept: */*
Connection: keep-alive
Content-Type: multipart/form-data; boundary=df223421633244ca824aa593a8fb5c63

--df223421633244ca824aa593a8fb5c63
Content-Disposition: form-data; name="audio_file"; filename="audio_file"

AUDIO
--df223421633244ca824aa593a8fb5c63--
"""

SPEAKR = """
POST /asr?encode=true&task=transcribe&output=json&diarize=False HTTP/1.1
Host: 127.0.0.1
Accept: */*
Accept-Encoding: gzip, deflate
Connection: keep-alive
User-Agent: python-httpx/0.28.1
Content-Type: multipart/form-data; boundary=8ee5e168ab2ee4e92d5840157062ab5c

--8ee5e168ab2ee4e92d5840157062ab5c
Content-Disposition: form-data; name="audio_file"; filename="meeting.webm"
Content-Type: audio/webm;codecs=opus

AUDIO
--8ee5e168ab2ee4e92d5840157062ab5c--
"""

WHISPER_CPP = """
POST /inference HTTP/1.1
Host: 127.0.0.1
User-Agent: curl/8.5.0
Accept: */*
Content-Type: multipart/form-data; boundary=------------------------686793583d2122ee

--------------------------686793583d2122ee
Content-Disposition: form-data; name="file"; filename="talk.wav"
Content-Type: application/octet-stream

AUDIO
--------------------------686793583d2122ee
Content-Disposition: form-data; name="temperature"

0.0
--------------------------686793583d2122ee
Content-Disposition: form-data; name="temperature_inc"

0.2
--------------------------686793583d2122ee
Content-Disposition: form-data; name="response_format"

FORMAT
--------------------------686793583d2122ee--
"""

VERCEL = """
POST /v1/audio/transcriptions HTTP/1.1
host: 127.0.0.1
connection: keep-alive
authorization: Bearer sk-dummy
user-agent: ai/6.0.0 ai-sdk/openai/3.0.0 runtime/node.js/22
content-type: multipart/form-data; boundary=----formdata-undici-048947363513
accept: */*
accept-language: *
sec-fetch-mode: cors
accept-encoding: gzip, deflate

------formdata-undici-048947363513
Content-Disposition: form-data; name="model"

whisper-1
------formdata-undici-048947363513
Content-Disposition: form-data; name="file"; filename="audio.wav"
Content-Type: audio/wav

AUDIO
------formdata-undici-048947363513
Content-Disposition: form-data; name="response_format"

verbose_json
------formdata-undici-048947363513
Content-Disposition: form-data; name="temperature"

0
------formdata-undici-048947363513
Content-Disposition: form-data; name="timestamp_granularities[]"

FIRST
------formdata-undici-048947363513
Content-Disposition: form-data; name="timestamp_granularities[]"

SECOND
------formdata-undici-048947363513--
"""
