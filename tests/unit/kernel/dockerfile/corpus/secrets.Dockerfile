FROM alpine
RUN --mount=type=secret,id=aws,target=/root/.aws/credentials \
    --mount=type=secret,id=API_KEY,env=API_KEY \
    --mount=type=secret,id=opt,required=true,mode=0440,uid=1000,gid=1000 \
    aws s3 cp s3://bucket/file .
